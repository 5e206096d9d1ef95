//! `cargo xtask learn-selftest`: is each exercise red when it is open, and green when it is done?

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

use crate::learn::turns::{self, Turns};
use crate::learn::{exercises, judge, mine, mutants, servers, verdicts};
use crate::steps::{self, Step, workspace_root};
use crate::vm::report::Verdicts;
use crate::{Outcome, interrupt};

/// Prove the exercises: open all of a step, then solve one after the other, and see which tests turn.
///
/// Each must be red before and turn exactly the tests that steps/NN/exercises.txt lists; at the end nothing is
/// red and nothing differs from steps/. Then wrong bodies are put in, each of which a test must catch.
#[derive(clap::Args)]
pub struct Arguments {
    /// The steps. None: all.
    steps: Vec<String>,
    /// One step, another one with each commit.
    #[arg(long, conflicts_with = "steps")]
    sample: bool,
    /// Without the tests that need a kernel. With --accept, what is recorded of those stays.
    #[arg(long)]
    quick: bool,
    /// Only the mutants: the wrong bodies in steps/NN/mutants/, each with the test that must catch it.
    #[arg(long)]
    mutants: bool,
    /// Only the servers in other languages: each is broken, and the witness must name the wrong field.
    #[arg(long, conflicts_with_all = ["steps", "sample", "quick", "mutants"])]
    servers: bool,
    /// Record which tests turn, and what is said of the mutants.
    #[arg(long)]
    accept: bool,
}

pub fn learn_selftest(arguments: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    if arguments.servers {
        let faults = servers::prove(&sh, arguments.accept)?;
        faults.iter().for_each(|fault| println!("{fault}"));
        return Ok(if faults.is_empty() { Outcome::Good } else { Outcome::Bad });
    }
    let mut outcome = Outcome::Good;
    for step in &chosen(&sh, &arguments)? {
        ensure!(!interrupt::requested(), "interrupted");
        let start = Instant::now();
        let workspace = workspace_root().join("target/learn-selftest");
        mine::restore(&workspace)?;
        let mut faults = Vec::new();
        if !arguments.mutants {
            faults = prove(&sh, &workspace, step, &arguments)?;
        }
        faults.extend(prove_mutants(&sh, &workspace, step, &arguments)?);
        println!(
            "step {}: {} ({:.0} s)",
            step.number,
            if faults.is_empty() { "ok" } else { "FAILED" },
            start.elapsed().as_secs_f64()
        );
        for fault in faults {
            println!("  {fault}");
            outcome = Outcome::Bad;
        }
    }
    Ok(outcome)
}

fn chosen(sh: &Shell, arguments: &Arguments) -> anyhow::Result<Vec<Step>> {
    let all = steps::all(sh)?;
    if arguments.sample {
        let _there = sh.push_dir(workspace_root());
        let commits = cmd!(sh, "git rev-list --count HEAD").quiet().read()?;
        let commits: usize = commits.parse().context("git does not count the commits")?;
        return Ok(vec![all[commits % all.len()].clone()]);
    }
    if arguments.steps.is_empty() {
        return Ok(all);
    }
    arguments.steps.iter().map(|named| steps::find(sh, named)).collect()
}

/// Opens and solves the exercises of a step. Returns what is not as it must be.
fn prove(
    sh: &Shell,
    workspace: &Path,
    step: &Step,
    arguments: &Arguments,
) -> anyhow::Result<Vec<String>> {
    let exercises = exercises::of(step)?;
    for exercise in &exercises {
        exercise.change(workspace, |place| place.punched(&exercise.id, &exercise.title))?;
    }
    let mut red = failing(&judged(sh, workspace, step, arguments.quick)?);
    println!("step {}: all open: {} tests fail", step.number, red.len());

    let mut faults = Vec::new();
    let mut turned = Turns::new();
    for exercise in &exercises {
        let id = &exercise.id;
        let solution = exercise.solution()?;
        exercise.change(workspace, |place| place.filled(&solution))?;
        let left = failing(&judged(sh, workspace, step, arguments.quick)?);
        faults.extend(left.difference(&red).map(|test| format!("{id} makes {test} fail")));
        let now: Vec<_> = red.difference(&left).cloned().collect();
        println!("step {}: {id} turns {} tests", step.number, now.len());
        if now.is_empty() && !arguments.quick {
            faults.push(format!("no test needs {id}"));
        }
        turned.insert(id.clone(), now);
        red = left;
    }
    faults.extend(red.iter().map(|test| format!("with all solved, this fails: {test}")));
    let differ = mine::changed(workspace, &step.dir())?;
    faults.extend(
        differ.iter().map(|path| format!("with all solved, this differs: {}", path.display())),
    );
    if arguments.quick {
        // What was not tried is as it was recorded.
        for (id, tests) in turns::recorded(step)? {
            let of_the_kernel = tests.into_iter().filter(|test| step.needs_a_kernel(test));
            turned.entry(id).or_default().extend(of_the_kernel);
        }
    }
    match arguments.accept {
        true if faults.is_empty() => turns::record(step, &turned)?,
        true => {}
        false => faults.extend(differences(&turns::recorded(step)?, &turned)),
    }
    Ok(faults)
}

/// Puts wrong bodies in the place of right ones. Returns what is not as it must be.
fn prove_mutants(
    sh: &Shell,
    workspace: &Path,
    step: &Step,
    arguments: &Arguments,
) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    let mutants = mutants::of(step)?;
    for mutant in mutants.iter().filter(|mutant| !arguments.quick || mutant.needs_no_kernel()) {
        ensure!(!interrupt::requested(), "interrupted");
        let found = mutant.prove(sh, workspace, step, arguments.accept)?;
        println!(
            "step {}: mutant {}: {}",
            step.number,
            mutant.name(),
            if found.is_empty() { "caught" } else { "FAILED" }
        );
        faults.extend(found);
    }
    Ok(faults)
}

fn judged(sh: &Shell, workspace: &Path, step: &Step, quick: bool) -> anyhow::Result<Verdicts> {
    let step = std::slice::from_ref(step);
    if quick {
        judge::without_a_kernel(sh, workspace, step)
    } else {
        verdicts(sh, workspace, step, false)
    }
}

fn failing(verdicts: &Verdicts) -> BTreeSet<String> {
    verdicts.failed.iter().map(|failure| failure.test.clone()).collect()
}

/// Which tests turn with another exercise than is recorded.
fn differences(recorded: &Turns, turned: &Turns) -> Vec<String> {
    let lines = |turns: &Turns| -> BTreeSet<String> {
        turns::text(turns).lines().map(str::to_owned).collect()
    };
    let (before, now) = (lines(recorded), lines(turned));
    let gone = before.difference(&now).map(|line| format!("recorded, and not so now: {line}"));
    gone.chain(now.difference(&before).map(|line| format!("not recorded: {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_turns_with_another_exercise_is_a_difference() {
        let turns = |id: &str| Turns::from([(id.to_owned(), vec!["step04::a".to_owned()])]);
        assert_eq!(differences(&turns("04.1"), &turns("04.1")), [""; 0]);
        assert_eq!(
            differences(&turns("04.1"), &turns("04.2")),
            ["recorded, and not so now: 04.1 step04::a", "not recorded: 04.2 step04::a"]
        );
    }
}
