//! The guest's pid 1. It sets the guest up, does the job, and powers off.
//!
//! Started again by pid 1, it is the witness: a process that follows a test.

mod again;
mod boot;
mod kernel_log;
mod leftovers;
mod port;
mod run;
mod shell;
mod tests;
mod witness;

use std::fs;

use anyhow::Context;
use nix::sys::reboot::{RebootMode, reboot};
use vm_init::{JOB_PATH, Job, RESULTS_PORT, Record, Work};

use crate::port::Port;

fn main() {
    if std::process::id() != 1 {
        if let Err(error) = witness::witness(std::env::args_os().skip(1)) {
            println!("witness: {error:#}");
            std::process::exit(1);
        }
        return;
    }
    // The console is the kernel's, but it is also where a guest says why it could not even report.
    if let Err(error) = guest() {
        println!("vm-init: {error:#}");
    }
    nix::unistd::sync();
    let never = reboot(RebootMode::RB_POWER_OFF);
    panic!("cannot power off: {never:?}");
}

fn guest() -> anyhow::Result<()> {
    boot::mount_kernel_file_systems()?;
    let job = fs::read(JOB_PATH).with_context(|| format!("cannot read {JOB_PATH}"))?;
    let job: Job =
        serde_json::from_slice(&job).with_context(|| format!("cannot parse {JOB_PATH}"))?;
    // ANCHOR: guest
    boot::load_modules(&job.modules)?;
    boot::make_ready_for_fuse()?;

    let mut results = Port::open(RESULTS_PORT)?;
    results.send(&Record::Hello { release: boot::release()?, fuse: boot::fuse_version()? })?;
    match job.work {
        Work::Run { command, timeout } => {
            run::run_and_report(&command, &[], timeout, &command[0], &mut results)?;
        }
        Work::Shell => shell::shell()?,
        Work::Tests { filters, exact, timeout, environment, witness } => {
            let failed = tests::run_all(&filters, exact, timeout, &environment, &mut results)?;
            if witness {
                again::run_again(&failed, timeout, &environment, &mut results)?;
            }
            port::send_files_back()?;
        }
    }
    results.send_last(&Record::Done)
    // ANCHOR_END: guest
}
