//! `{{#exercises}}`: the functions of a chapter's step that the reader can write, as step.toml lists them.

use std::fmt::Write;
use std::path::Path;

use crate::book::about;
use crate::book::fault::Problem;
use crate::learn::exercises::listed;

/// What to type, and a table.
pub fn exercises(root: &Path, page: &str) -> Result<String, Problem> {
    let directory = about::directory(root, page)?;
    let (number, _) = directory.split_once('-').unwrap_or((&directory, ""));
    let wrong = |what: String| {
        Problem::new(what, format!("List them in steps/{directory}/step.toml, as [[exercises]]"))
    };
    let exercises = listed(root, &format!("steps/{directory}"), number);
    let exercises = exercises.map_err(|error| wrong(format!("{error:#}")))?;
    if exercises.is_empty() {
        return Err(wrong("the step has no exercises".into()));
    }
    let mut text = format!(
        "**Write it yourself.** `cargo xtask start {number}` opens these functions in a copy of your own, `mine/`, and \
         `cargo xtask check {number}` judges what you put there. Their doc comments say what to write. Stuck? \
         `cargo xtask hint {number}.1`.\n\n| exercise | what to do | where |\n|---|---|---|\n"
    );
    for exercise in exercises {
        let _ = writeln!(text, "| {} | {} | `{}` |", exercise.id, exercise.title, exercise.file);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_exercises_of_the_step_are_a_table() {
        let dir = tempfile::tempdir().unwrap();
        let step = dir.path().join("steps/02-wire");
        fs::create_dir_all(&step).unwrap();
        let listed = |toml: &str| {
            fs::write(step.join("step.toml"), toml).unwrap();
            exercises(dir.path(), "02-wire.md")
        };
        let one =
            "[[exercises]]\nid = \"02.1\"\ntitle = \"add\"\nfile = \"src/a.rs\"\nhints = []\n";
        let table = listed(one).unwrap();
        assert!(table.contains("`cargo xtask start 02`"), "{table}");
        assert!(table.ends_with("|---|---|---|\n| 02.1 | add | `src/a.rs` |\n"), "{table}");
        for (toml, says) in
            [("", "no exercises"), (&one.replace("02.1", "02.7"), "must be \"02.1\"")]
        {
            let fault = listed(toml).unwrap_err().at("x.md", 1).to_string();
            assert!(fault.contains(says), "{fault}");
        }
    }
}
