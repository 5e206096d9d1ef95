//! The exercises of a step, as its step.toml lists them.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use xshell::Shell;

use crate::learn::holes::{Place, place};
use crate::steps::{self, Step, workspace_root};

/// One function body that a learner writes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// `05.2`
    pub id: String,
    /// What to do, in a few words.
    pub title: String,
    /// The source file, from the step's directory.
    pub file: String,
    /// The mildest first.
    pub hints: Vec<String>,
    /// The step's directory, from the workspace's root.
    #[serde(skip)]
    step: String,
}

/// Those of a step, in their order.
pub fn of(step: &Step) -> anyhow::Result<Vec<Exercise>> {
    listed(&workspace_root(), &step.dir(), &step.number)
}

/// Those that the step.toml of a step lists: its directory, from the workspace's root, and its number.
pub fn listed(root: &Path, dir: &str, number: &str) -> anyhow::Result<Vec<Exercise>> {
    #[derive(Deserialize)]
    struct About {
        #[serde(default)]
        exercises: Vec<Exercise>,
    }
    let file = format!("{dir}/step.toml");
    let text =
        fs::read_to_string(root.join(&file)).with_context(|| format!("cannot read {file}"))?;
    let About { mut exercises } =
        toml::from_str(&text).with_context(|| format!("cannot parse {file}"))?;
    for (n, exercise) in exercises.iter_mut().enumerate() {
        let id = format!("{number}.{}", n + 1);
        ensure!(exercise.id == id, "{file}: exercise {:?} must be {id:?}", exercise.id);
        exercise.step = dir.to_owned();
    }
    Ok(exercises)
}

/// The exercise that a user means by `05.2` or `5.2`, and its step.
pub fn find(sh: &Shell, named: &str) -> anyhow::Result<(Step, Exercise)> {
    let Some((step, _)) = named.split_once('.') else {
        bail!("{named:?} is no exercise. One is called by its step and its number: 05.2");
    };
    let step = steps::find(sh, step)?;
    let exercises = of(&step)?;
    let full = format!("{named:0>4}");
    match exercises.iter().find(|exercise| exercise.id == full) {
        Some(exercise) => Ok((step, exercise.clone())),
        None => {
            let known: Vec<_> = exercises.iter().map(|exercise| exercise.id.as_str()).collect();
            bail!("there is no exercise {named:?}. Give one of: {}", known.join(" "))
        }
    }
}

impl Exercise {
    /// Its file, from a workspace's root: `steps/05-server/src/owed.rs`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.step, self.file)
    }

    /// The text of its file in a workspace.
    pub fn source(&self, workspace: &Path) -> anyhow::Result<String> {
        let path = workspace.join(self.path());
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Its body in the text of its file.
    pub fn place<'a>(&self, source: &'a str) -> anyhow::Result<Place<'a>> {
        Ok(place(source, &self.id, &self.path())?)
    }

    /// The body that the reference has.
    pub fn solution(&self) -> anyhow::Result<String> {
        let source = self.source(&workspace_root())?;
        Ok(self.place(&source)?.body.to_owned())
    }

    /// Changes its body in a workspace. The file is replaced whole, or not at all.
    pub fn change(
        &self,
        workspace: &Path,
        new: impl FnOnce(Place<'_>) -> String,
    ) -> anyhow::Result<()> {
        let source = self.source(workspace)?;
        let changed = new(self.place(&source)?);
        let path = workspace.join(self.path());
        let beside = path.with_extension("rs.new");
        let result = fs::write(&beside, changed).and_then(|()| fs::rename(&beside, &path));
        result.with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exercise_has_its_marks_and_three_hints() {
        let sh = Shell::new().unwrap();
        for step in steps::all(&sh).unwrap() {
            let exercises = of(&step).unwrap();
            assert!(exercises.len() >= 3, "{}", step.package);
            for exercise in exercises {
                let body = exercise.solution().unwrap();
                assert!(!body.trim().is_empty(), "{}", exercise.id);
                assert_eq!(exercise.hints.len(), 3, "{}", exercise.id);
                assert!(!exercise.title.contains(['"', '{', '}', '\\']), "{}", exercise.title);
            }
        }
    }

    #[test]
    fn each_mark_is_an_exercise_of_the_step_that_it_stands_in() {
        let sh = Shell::new().unwrap();
        for step in steps::all(&sh).unwrap() {
            let known: Vec<_> =
                of(&step).unwrap().into_iter().map(|exercise| exercise.id).collect();
            let dir = workspace_root().join(step.dir());
            let found = xshell::cmd!(sh, "grep -rhoE --include=*.rs EXERCISE:.* {dir}")
                .quiet()
                .read()
                .unwrap();
            let mut found: Vec<_> =
                found.lines().map(|line| line["EXERCISE:".len()..].trim()).collect();
            found.sort();
            assert_eq!(found, known, "{}", step.package);
        }
    }

    #[test]
    fn an_exercise_has_two_names() {
        let sh = Shell::new().unwrap();
        assert_eq!(find(&sh, "5.2").unwrap(), find(&sh, "05.2").unwrap());
        for (named, says) in
            [("5", "no exercise"), ("05.77", "Give one of: 05.1"), ("77.1", "no step")]
        {
            assert!(find(&sh, named).unwrap_err().to_string().contains(says), "{named}");
        }
    }
}
