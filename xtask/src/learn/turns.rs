//! Which tests an exercise turns green: `steps/NN/exercises.txt`, a line each, as `learn-selftest --accept`
//! records it. Where a test fails that ran into no hole, it says which exercise it is about.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::Context;

use crate::steps::{Step, workspace_root};

/// The tests of each exercise, by its id.
pub type Turns = BTreeMap<String, Vec<String>>;

fn file(step: &Step) -> PathBuf {
    workspace_root().join(step.dir()).join("exercises.txt")
}

/// What is recorded of a step.
pub fn recorded(step: &Step) -> anyhow::Result<Turns> {
    let file = file(step);
    let text = fs::read_to_string(&file).with_context(|| {
        let number = &step.number;
        format!(
            "cannot read {}. Record it: cargo xtask learn-selftest {number} --accept",
            file.display()
        )
    })?;
    let mut turns = Turns::new();
    for line in text.lines() {
        let (id, test) = line
            .split_once(' ')
            .with_context(|| format!("{}: no exercise and test: {line}", file.display()))?;
        turns.entry(id.to_owned()).or_default().push(test.to_owned());
    }
    Ok(turns)
}

/// As the file has it.
pub fn text(turns: &Turns) -> String {
    let lines =
        turns.iter().flat_map(|(id, tests)| tests.iter().map(move |test| format!("{id} {test}\n")));
    lines.collect()
}

/// Records them.
pub fn record(step: &Step, turns: &Turns) -> anyhow::Result<()> {
    let file = file(step);
    fs::write(&file, text(turns)).with_context(|| format!("cannot write {}", file.display()))?;
    eprintln!("recorded: {}", file.display());
    Ok(())
}
