//! `cargo xtask vm-test`: the tests that need a kernel, in a VM.

use std::fs;
use std::io::stdout;
use std::time::{Duration, Instant};

use anyhow::Context;
use vm_init::{OUT_DIR, WORKSPACE_DIR, Work};
use xshell::Shell;

use crate::vm::machine::Machine;
use crate::vm::report::{End, Report};
use crate::{Outcome, steps, vm};

/// Boot a real kernel in QEMU and run the steps' tests in it.
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Which tests: a step (04, step04) or a part of a name. None: all.
    filters: Vec<String>,
    #[command(flatten)]
    vm: vm::Options,
}

pub fn vm_test(Arguments { filters, vm: options }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    let steps = steps::all(&sh)?;
    let filters =
        filters.into_iter().map(|filter| match steps.iter().find(|step| step.is_called(&filter)) {
            // A step's tests are the module of its number.
            Some(step) => format!("step{}::", step.number),
            None => filter,
        });
    let work = Work::Tests {
        filters: filters.collect(),
        exact: false,
        timeout: options.timeout,
        environment: insta_environment(),
    };

    let parts = vm::prepare(&sh, &options)?;
    let start = Instant::now();
    let mut guest = vm::boot(&sh, &parts, &options, work)?;
    println!("{}", guest.banner);

    let mut report = Report::new(stdout());
    // The guest enforces each test's deadline. This one is for a guest that cannot any more.
    let patience = Duration::from_secs(options.timeout + 30);
    let end = loop {
        match guest.machine.next(patience) {
            Ok(Some(record)) => report.take(record)?,
            Ok(None) => break End::Gone(guest.machine.console_tail()),
            Err(error) => break End::Broken(error),
        }
    };
    if matches!(end, End::Gone(_)) {
        bring_back(guest.machine)?;
    }
    report.conclude(end, start.elapsed())
}

/// insta in the guest: where the snapshots are, and where to put new ones.
fn insta_environment() -> Vec<(String, String)> {
    let update = if std::env::var_os("CI").is_some() { "no" } else { "new" };
    [
        ("INSTA_WORKSPACE_ROOT", WORKSPACE_DIR),
        ("INSTA_PENDING_DIR", OUT_DIR),
        ("INSTA_UPDATE", update),
        ("RUST_BACKTRACE", "0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Puts the snapshots that differ beside the recorded ones, for `cargo insta review`.
fn bring_back(machine: Machine) -> anyhow::Result<()> {
    let archive = machine.finish()?;
    if archive.is_empty() {
        return Ok(());
    }
    for (name, content) in vm::initramfs::files(&archive)? {
        let path = steps::workspace_root().join(&name);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("\na snapshot differs: {name} (compare and accept: cargo insta review)");
    }
    Ok(())
}
