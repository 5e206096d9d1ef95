//! `steps/NN/mutants/`: wrong bodies for the exercises. Each must be caught by the test that is meant for it, and
//! what a learner is told then is recorded beside it.
//!
//! ```text
//! // Wrong: the errno goes out positive.
//! // Caught by: step05::errors_come_through
//! …the body
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use xshell::Shell;

use crate::Outcome;
use crate::learn::exercises::{self, Exercise};
use crate::learn::says::{self, Compare};
use crate::learn::{check, judge, verdicts};
use crate::steps::{Step, workspace_root};

/// A wrong body.
pub struct Mutant {
    exercise: Exercise,
    file: PathBuf,
    /// The test that is meant for it.
    caught_by: String,
    body: String,
}

/// Those of a step, by name.
pub fn of(step: &Step) -> anyhow::Result<Vec<Mutant>> {
    let dir = workspace_root().join(step.dir()).join("mutants");
    let entries = fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    let exercises = exercises::of(step)?;
    files.into_iter().map(|file| read(&exercises, file)).collect()
}

fn read(exercises: &[Exercise], file: PathBuf) -> anyhow::Result<Mutant> {
    let wrong = || {
        format!("{}: see what a mutant begins with, in xtask/src/learn/mutants.rs", file.display())
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let exercise = exercises.iter().find(|exercise| name.starts_with(&format!("{}-", exercise.id)));
    let exercise = exercise.with_context(wrong)?.clone();
    let text = fs::read_to_string(&file).with_context(wrong)?;
    let (head, rest) = text.split_once("// Caught by: ").with_context(wrong)?;
    ensure!(head.starts_with("// Wrong: "), wrong());
    let (caught_by, body) = rest.split_once('\n').with_context(wrong)?;
    let (caught_by, body) = (caught_by.to_owned(), body.to_owned());
    Ok(Mutant { exercise, file, caught_by, body })
}

impl Mutant {
    /// `05.2-positive-errno`
    pub fn name(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Is it one that a test without a kernel catches?
    pub fn needs_no_kernel(&self) -> bool {
        !self.caught_by.starts_with("step")
    }

    /// Puts it into a workspace whose exercises are all solved, judges it, and puts the solution back. Returns
    /// what is not as it must be. What is said of it is compared with what is recorded, or recorded.
    pub fn prove(
        &self,
        sh: &Shell,
        workspace: &Path,
        step: &Step,
        accept: bool,
    ) -> anyhow::Result<Vec<String>> {
        let steps = std::slice::from_ref(step);
        self.exercise.change(workspace, |place| place.filled(&self.body))?;
        let judged = if self.needs_no_kernel() {
            judge::without_a_kernel(sh, workspace, steps)
        } else {
            verdicts(sh, workspace, steps, true)
        };
        let told =
            judged.and_then(|verdicts| Ok((check::told(workspace, steps, &verdicts)?, verdicts)));
        let solution = self.exercise.solution()?;
        self.exercise.change(workspace, |place| place.filled(&solution))?;

        let ((outcome, told), verdicts) =
            told.with_context(|| format!("mutant {}", self.name()))?;
        let mut faults = Vec::new();
        if outcome == Outcome::Good {
            faults.push(format!("no test catches the mutant {}", self.name()));
        } else if !verdicts.failed.iter().any(|failure| failure.test == self.caught_by) {
            let caught: Vec<_> =
                verdicts.failed.iter().map(|failure| failure.test.as_str()).collect();
            faults.push(format!(
                "the mutant {} is not caught by {}, but by {}",
                self.name(),
                self.caught_by,
                caught.join(", ")
            ));
        } else {
            let file = self.file.with_extension("says");
            let compare = if self.needs_no_kernel() { Compare::Whole } else { Compare::Outline };
            faults.extend(says::differs(&file, &told, compare, accept)?);
        }
        Ok(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps;

    #[test]
    fn each_step_has_three_mutants_and_each_was_judged() {
        let sh = Shell::new().unwrap();
        for step in steps::all(&sh).unwrap() {
            let mutants = of(&step).unwrap();
            assert!(mutants.len() >= 3, "{}", step.package);
            for mutant in mutants {
                assert!(step.owns(&mutant.caught_by), "{}: {}", mutant.name(), mutant.caught_by);
                assert_ne!(mutant.body, mutant.exercise.solution().unwrap(), "{}", mutant.name());
                let says = fs::read_to_string(mutant.file.with_extension("says")).unwrap();
                assert!(says.contains(&mutant.exercise.id), "{}", mutant.name());
            }
        }
    }
}
