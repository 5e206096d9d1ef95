//! The tests: each in a process of its own, so that a hang or a crash takes only itself.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use vm_init::{Record, TESTS_DIR, is_selected};

use crate::port::Port;
use crate::run::run_and_report;

/// Runs what the filters select, in order of name.
pub fn run_all(
    filters: &[String],
    exact: bool,
    timeout: u64,
    environment: &[(String, String)],
    results: &mut Port,
) -> anyhow::Result<()> {
    let mut selected = Vec::new();
    for program in test_programs()? {
        for name in list(&program)?.into_iter().filter(|name| is_selected(name, filters, exact)) {
            selected.push((program.clone(), name));
        }
    }
    results.send(&Record::Plan { tests: selected.len() })?;
    for (program, name) in selected {
        // `--include-ignored`: the attribute only keeps them out of a plain `cargo test`.
        let command =
            [&program, "--exact", &name, "--include-ignored", "--nocapture", "--test-threads=1"]
                .map(str::to_owned);
        run_and_report(&command, environment, timeout, &name, results)?;
    }
    Ok(())
}

fn test_programs() -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(TESTS_DIR).with_context(|| format!("cannot list {TESTS_DIR}"))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths.into_iter().map(|path| path.to_string_lossy().into_owned()).collect())
}

/// `step04::cat_prints_the_file: test`, a line for each.
fn list(program: &str) -> anyhow::Result<Vec<String>> {
    let listed = Command::new(program)
        .args(["--list", "--format", "terse", "--include-ignored"])
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    ensure!(listed.status.success(), "{program} --list: {}", listed.status);
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}
