//! The tests: each in a process of its own, so that a hang or a crash takes only itself.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use vm_init::{LIST, Record, TESTS_DIR, only, selected};

use crate::port::Port;
use crate::run::{Ended, run_and_report};

/// A test that failed, to be run again.
pub struct Failed {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// The test's name.
    pub name: String,
}

/// Runs what the filters select, in order of name. Returns those that failed, but for those that came to a
/// hole in an exercise.
pub fn run_all(
    filters: &[String],
    exact: bool,
    timeout: u64,
    environment: &[(String, String)],
    results: &mut Port,
) -> anyhow::Result<Vec<Failed>> {
    let mut tests = Vec::new();
    for program in test_programs()? {
        for name in selected(&list(&program)?, filters, exact) {
            tests.push((program.clone(), name));
        }
    }
    results.send(&Record::Plan { tests: tests.len() })?;
    let mut failed = Vec::new();
    for (program, name) in tests {
        let arguments = only(&name).map(str::to_owned);
        let command = [vec![program], arguments.into()].concat();
        if run_and_report(&command, environment, timeout, &name, results)? == Ended::Badly {
            failed.push(Failed { command, name });
        }
    }
    Ok(failed)
}

fn test_programs() -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(TESTS_DIR).with_context(|| format!("cannot list {TESTS_DIR}"))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths.into_iter().map(|path| path.to_string_lossy().into_owned()).collect())
}

fn list(program: &str) -> anyhow::Result<String> {
    let listed = Command::new(program)
        .args(LIST)
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    ensure!(listed.status.success(), "{program} --list: {}", listed.status);
    Ok(String::from_utf8_lossy(&listed.stdout).into_owned())
}
