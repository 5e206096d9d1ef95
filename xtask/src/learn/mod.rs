//! Learning by doing: `start` punches holes into a copy of the steps, `check` judges what the learner put
//! into them, `hint` and `solution` help. `learn-selftest` proves all of it.

pub mod check;
pub mod exercises;
pub mod hint;
pub mod holes;
mod judge;
mod mine;
mod mutants;
mod says;
pub mod selftest;
mod servers;
pub mod solution;
mod standing;
pub mod start;
mod turns;
mod update;

use std::path::Path;

use xshell::Shell;

use crate::Outcome;
use crate::learn::exercises::Exercise;
use crate::learn::holes::NotMarked;
use crate::learn::standing::Task;
use crate::steps::{self, Step};
use crate::vm::guest::CannotBuild;
use crate::vm::report::Verdicts;

/// The exercises of a step, as a workspace has them.
fn tasks(workspace: &Path, step: &Step) -> anyhow::Result<Vec<Task>> {
    let exercises = exercises::of(step)?.into_iter();
    let task = |exercise: Exercise| {
        let source = exercise.source(workspace)?;
        let place = exercise.place(&source)?;
        let (is_open, line) = (place.is_open(&exercise.id), place.line());
        Ok(Task { is_open, line, exercise })
    };
    exercises.map(task).collect()
}

/// The holes of a workspace that are open in other steps than this one.
fn open_elsewhere(sh: &Shell, workspace: &Path, step: &Step) -> anyhow::Result<Vec<String>> {
    let mut open = Vec::new();
    for other in steps::all(sh)?.iter().filter(|other| *other != step) {
        let tasks = tasks(workspace, other)?.into_iter();
        open.extend(tasks.filter(|task| task.is_open).map(|task| task.exercise.id));
    }
    Ok(open)
}

/// All tests of these steps; with a `witness`, some of those that fail are followed.
fn verdicts(
    sh: &Shell,
    workspace: &Path,
    steps: &[Step],
    witness: bool,
) -> anyhow::Result<Verdicts> {
    let first = judge::without_a_kernel(sh, workspace, steps)?;
    Ok(judge::together(first, judge::through_a_kernel(sh, workspace, steps, witness)?))
}

/// The verdict that an error is, where it is the learner's to mend and not the rig's.
pub fn or_the_learners(result: anyhow::Result<Outcome>) -> anyhow::Result<Outcome> {
    match result {
        Err(error) if error.downcast_ref::<CannotBuild>().is_some() => {
            println!(
                "\nyour code does not compile yet: mend what the compiler says above, then check again\n\
                 (its paths begin in mine/)"
            );
            Ok(Outcome::Bad)
        }
        Err(error) if error.downcast_ref::<NotMarked>().is_some() => {
            println!("\n{error}");
            Ok(Outcome::Bad)
        }
        result => result,
    }
}

/// The verdicts on the tests of one step.
fn only_of(step: &Step, verdicts: &Verdicts) -> Verdicts {
    Verdicts {
        passed: verdicts.passed.iter().filter(|test| step.owns(test)).cloned().collect(),
        failed: verdicts
            .failed
            .iter()
            .filter(|failure| step.owns(&failure.test))
            .cloned()
            .collect(),
        not_run: 0,
    }
}
