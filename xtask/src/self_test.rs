//! `cargo xtask vm-test --self-test`: does the rig see red? Boots a guest whose tests end in every way
//! a test can end, and holds the verdicts against what they must be.

use std::time::{Duration, Instant};

use vm_init::Work;
use xshell::Shell;

use crate::vm::guest::Tests;
use crate::vm::report::Report;
use crate::vm_test::listen;
use crate::{Outcome, vm};

/// What the report must say, in this order.
const EXPECTED: [&str; 16] = [
    "running 8 tests",
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
    "test result: FAILED. 2 passed; 5 failed; 1 ignored",
];

pub fn self_test(mut options: vm::Options) -> anyhow::Result<Outcome> {
    options.timeout = Some(4);
    let sh = Shell::new()?;
    let work = Work::Tests {
        filters: vec![],
        exact: false,
        timeout: options.timeout(),
        environment: vec![],
    };
    let parts = vm::prepare(&sh, &options, Tests::OfTheRig)?;
    let start = Instant::now();
    let mut guest = vm::boot(&sh, &parts, vm::only_kernel(&parts)?, &options, work)?;
    println!("{}", guest.banner);

    let mut told = Vec::new();
    let mut report = Report::new(&mut told, false);
    let end = listen(&mut guest.machine, &mut report, Duration::from_secs(60))?;
    let outcome = report.conclude(end, start.elapsed())?;
    let told = String::from_utf8_lossy(&told);

    let missing = missing(&told);
    if outcome == Outcome::Bad && missing.is_none() {
        println!(
            "the rig sees red: {} statements of its report are as they must be",
            EXPECTED.len()
        );
        return Ok(Outcome::Good);
    }
    println!("{told}");
    if let Some(missing) = missing {
        println!("the rig does not see red. Its report lacks, or has in another order: {missing}");
    }
    Ok(Outcome::Bad)
}

/// The first of what is expected that does not come.
fn missing(told: &str) -> Option<&'static str> {
    let mut rest = told;
    EXPECTED.into_iter().find(|expected| match rest.find(expected) {
        Some(at) => {
            rest = &rest[at + expected.len()..];
            false
        }
        None => true,
    })
}
