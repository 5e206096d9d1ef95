//! `cargo xtask vm-test --self-test`: does the rig see red? Boots a guest whose tests end in every way
//! a test can end, and holds the verdicts against what they must be.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context;
use vm_init::Work;
use xshell::Shell;

use crate::vm::Parts;
use crate::vm::guest::Tests;
use crate::vm::report::Report;
use crate::vm_test::listen;
use crate::{Outcome, steps, vm};

/// What the report must say, in this order.
const EXPECTED: [&str; 16] = [
    "running 9 tests",
    "test a_passes ... ok",
    "test b_fails ... FAILED",
    "test c_hangs_on_a_getattr_that_is_never_answered ... TIMEOUT",
    "test d_leaves_a_mount_behind ... LEAKED",
    "test e_makes_the_kernel_complain ... KERNEL WARNING",
    "test f_passes_in_a_guest_that_was_cleared_up ... ok",
    "test g_crashes_the_kernel ... CRASHED",
    "left: 1",
    // Which call waits for the answer that never comes.
    "fuse_do_getattr",
    "FUSE mount on /tmp/d_leaves_a_mount_behind/mnt",
    "at a test of the rig",
    "its last words",
    "the guest went away meanwhile",
    "Kernel panic - not syncing: sysrq triggered crash",
    "test result: FAILED. 2 passed; 5 failed; 2 ignored",
];

/// A test whose server lies, and what the witness must say of it, in this order.
const LIAR: &str = "i_answers_with_a_wrong_len";
const WITNESSED: [&str; 8] = [
    "Once more, followed: it failed again",
    "→ #4 GETATTR(node 1)",
    "← #4 GETATTR    [write of 120 bytes = -EINVAL]",
    "28 00 00 00                 len        40",
    "^^^^^^^^^^^ len says 40, 120 bytes were written",
    "#4 GETATTR still waits for its answer.",
    "← #4 GETATTR = -EIO",
    "(\"mnt\") = -EIO (I/O error)",
];

/// What the report says of the test that hangs, recorded for the book; on [`vm::kernel::DEFAULT`].
const RECORDING: &str = "tests/snapshots/kernel__rig__timeout@6.12.snap";
/// What stands above it there, as insta writes it.
const HEAD: &str = "---\nsource: xtask/src/self_test.rs\nexpression: timeout\n---\n";

pub fn self_test(mut options: vm::Options, accept: bool) -> anyhow::Result<Outcome> {
    options.timeout = Some(4);
    let sh = Shell::new()?;
    let parts = vm::prepare(&sh, &options, Tests::OfTheRig)?;

    let (told, outcome) = told(&sh, &parts, &options, None)?;
    let missing = missing(&told, &EXPECTED);
    let as_recorded = options.kernel != vm::kernel::DEFAULT || recorded(&told, accept)?;
    let red = outcome == Outcome::Bad && missing.is_none() && as_recorded;
    report("the rig sees red", &EXPECTED, red, &told, missing);

    let (told, outcome) = self::told(&sh, &parts, &options, Some(LIAR))?;
    let missing = self::missing(&told, &WITNESSED);
    let seen = outcome == Outcome::Bad && missing.is_none();
    report("the witness sees what is wrong", &WITNESSED, seen, &told, missing);
    Ok(if red && seen { Outcome::Good } else { Outcome::Bad })
}

/// Boots, runs all tests of the rig, or a single one that the witness then follows, and returns the report.
fn told(
    sh: &Shell,
    parts: &Parts,
    options: &vm::Options,
    single: Option<&str>,
) -> anyhow::Result<(String, Outcome)> {
    let work = Work::Tests {
        filters: single.map(str::to_owned).into_iter().collect(),
        exact: single.is_some(),
        timeout: options.timeout(),
        environment: vec![],
        witness: single.is_some(),
    };
    let start = Instant::now();
    let mut guest = vm::boot(sh, parts, vm::only_kernel(parts)?, options, work)?;
    println!("{}", guest.banner);
    let mut told = Vec::new();
    let mut report = Report::new(&mut told, false);
    let end = listen(&mut guest.machine, &mut report, Duration::from_secs(60))?;
    let outcome = report.verdicts(end, start.elapsed())?.outcome();
    Ok((String::from_utf8_lossy(&told).into_owned(), outcome))
}

fn report(what: &str, expected: &[&str], is_so: bool, told: &str, missing: Option<&str>) {
    if is_so {
        println!("{what}: {} statements of the report are as they must be", expected.len());
        return;
    }
    println!("{told}");
    if let Some(missing) = missing {
        println!("not so: {what}. The report lacks, or has in another order: {missing}");
    }
}

/// Holds the story of the test that hangs against its recording; or records it.
fn recorded(told: &str, accept: bool) -> anyhow::Result<bool> {
    let path = steps::workspace_root().join(RECORDING);
    let story =
        HEAD.to_owned() + &timeout(told).context("the report does not tell of a timeout")?;
    if accept {
        fs::write(&path, &story).with_context(|| format!("cannot write {RECORDING}"))?;
        println!("recorded: {RECORDING}");
        return Ok(true);
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    if before != story {
        println!(
            "it says of a timeout:\n{story}\nand {RECORDING} says:\n{before}\n\
             If it is right, accept it: cargo xtask vm-test --self-test --accept"
        );
    }
    Ok(before == story)
}

/// What a report says of the test that hangs, but for what differs from run to run: process ids, and the
/// number that cargo gives to the name of a test program.
fn timeout(told: &str) -> Option<String> {
    let (_, story) = told.split_once("---- c_hangs")?;
    let (story, _) = story.split_once("\n\n")?;
    let story = format!("---- c_hangs{story}");
    let lines = story.lines().map(|line| {
        let Some((name, rest)) = line.split_once(" (pid ") else { return format!("{line}\n") };
        let name = if name.contains("selftest-") { "    selftest" } else { name };
        let waits = rest.split_once("): ").map_or(rest, |(_, waits)| waits);
        format!("{name} (pid …): {waits}\n")
    });
    Some(lines.collect())
}

/// The first of what is expected that does not come.
fn missing(told: &str, expected: &[&'static str]) -> Option<&'static str> {
    let mut rest = told;
    expected.iter().copied().find(|expected| match rest.find(expected) {
        Some(at) => {
            rest = &rest[at + expected.len()..];
            false
        }
        None => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_told_without_what_differs() {
        let told = "x\n---- c_hangs_on ----\n→ #1\nTIMEOUT: still running\n    selftest-05b3 (pid 93): a ← b\n    \
                    c_hangs (pid 94): c\n\n---- d_leaves ----\n";
        let expected = "---- c_hangs_on ----\n→ #1\nTIMEOUT: still running\n    selftest (pid …): a ← b\n    \
                        c_hangs (pid …): c\n";
        assert_eq!(timeout(told).as_deref(), Some(expected));
        assert_eq!(timeout("---- d_leaves ----\n"), None);
    }
}
