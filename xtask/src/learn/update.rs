//! The repository moves on, and `mine/` with it: what the learner has not touched becomes what the repository has
//! now, and into what the learner has only filled holes of, the same bodies are filled again.
//!
//! For that, `mine/.reference` keeps the sources as they were when they came.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::learn::exercises::Exercise;
use crate::learn::mine::write;

/// Where the sources are kept as they came.
pub const REFERENCE: &str = ".reference";

/// Brings one source file up to date, by its path from a workspace's root. Returns what to tell the learner.
pub fn update(
    root: &Path,
    mine: &Path,
    path: &str,
    exercises: &[Exercise],
) -> anyhow::Result<Option<String>> {
    let read = |dir: &Path| fs::read_to_string(dir.join(path)).ok();
    let new = fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
    let reference = mine.join(REFERENCE);
    let (was, theirs) = (read(&reference), read(mine));
    if was.as_ref() == Some(&new) {
        return Ok(None);
    }
    let here: Vec<_> = exercises.iter().filter(|exercise| exercise.path() == path).collect();
    let told = match (was, theirs) {
        (Some(was), Some(theirs)) if theirs != was => match carried(&here, &was, &theirs, &new) {
            Some(merged) => {
                write(&mine.join(path), merged.as_bytes())?;
                format!("mine/{path} is up to date again, with what you have written")
            }
            None => format!(
                "{path} has changed in the repository, and you have changed more of mine/{path} than the exercises. \
                 Yours stays. Compare: diff -u mine/{path} {path}"
            ),
        },
        // Nobody knows what it was.
        (None, Some(theirs)) if theirs != new => format!("mine/{path} stays as it is"),
        _ => {
            write(&mine.join(path), new.as_bytes())?;
            format!("mine/{path} is up to date again")
        }
    };
    write(&reference.join(path), new.as_bytes())?;
    Ok(Some(told))
}

/// The new text with the learner's bodies, if those are all that they have changed.
fn carried(exercises: &[&Exercise], was: &str, theirs: &str, new: &str) -> Option<String> {
    let (mut was_empty, mut theirs_empty, mut merged) =
        (was.to_owned(), theirs.to_owned(), new.to_owned());
    for exercise in exercises {
        let body = exercise.place(theirs).ok()?.body;
        // What the learner had not changed is the repository's to change.
        if exercise.place(was).ok()?.body != body {
            merged = exercise.place(&merged).ok()?.filled(body);
        }
        was_empty = exercise.place(&was_empty).ok()?.filled("");
        theirs_empty = exercise.place(&theirs_empty).ok()?.filled("");
    }
    (was_empty == theirs_empty).then_some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::exercises;
    use crate::steps::Step;

    const PATH: &str = "steps/05-server/src/owed.rs";

    fn source(comment: &str, body: &str) -> String {
        format!(
            "// {comment}\nfn send() {{\n    // EXERCISE: 05.1\n    {body}\n    // EXERCISE_END: 05.1\n}}\n"
        )
    }

    /// What becomes of the learner's file, and what is told.
    fn updated(was: &str, theirs: &str, new: &str) -> (String, Option<String>) {
        let dir = tempfile::tempdir().unwrap();
        let (root, mine) = (dir.path().join("root"), dir.path().join("mine"));
        write(&root.join(PATH), new.as_bytes()).unwrap();
        write(&mine.join(PATH), theirs.as_bytes()).unwrap();
        write(&mine.join(REFERENCE).join(PATH), was.as_bytes()).unwrap();
        let step = Step { number: "05".into(), package: "step05-server".into() };
        let exercises = exercises::of(&step).unwrap();
        let told = update(&root, &mine, PATH, &exercises).unwrap();
        // A second time there is nothing to do.
        assert_eq!(update(&root, &mine, PATH, &exercises).unwrap(), None);
        (fs::read_to_string(mine.join(PATH)).unwrap(), told)
    }

    #[test]
    fn what_is_untouched_becomes_what_the_repository_has() {
        let (was, new) = (source("old", "one();"), source("new", "two();"));
        let (text, told) = updated(&was, &was, &new);
        assert_eq!(text, new);
        assert!(told.unwrap().ends_with("is up to date again"));
        assert_eq!(updated(&was, "mine", &was), ("mine".into(), None));
    }

    #[test]
    fn a_learners_body_comes_along() {
        let (was, new) = (source("old", "one();"), source("new", "two();"));
        let (text, told) = updated(&was, &source("old", "mine();"), &new);
        assert_eq!(text, source("new", "mine();"));
        assert!(told.unwrap().contains("with what you have written"));
    }

    #[test]
    fn what_the_learner_has_changed_beside_it_stays() {
        let (was, new) = (source("old", "one();"), source("new", "two();"));
        let theirs = source("mine", "mine();");
        let (text, told) = updated(&was, &theirs, &new);
        assert_eq!(text, theirs);
        assert!(told.unwrap().contains("Yours stays"));
    }
}
