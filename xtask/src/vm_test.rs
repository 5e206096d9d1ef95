//! `cargo xtask vm-test`: the tests that need a kernel, in a VM.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use vm_init::{OUT_DIR, WORKSPACE_DIR, Work};
use xshell::Shell;

use crate::vm::guest::Tests;
use crate::vm::machine::Machine;
use crate::vm::report::{End, Report};
use crate::{Outcome, self_test, steps, vm};

/// Boot a real kernel in QEMU and run the steps' tests in it.
#[derive(clap::Args, Default)]
pub struct Arguments {
    /// Which tests: a step (04, step04) or a part of a name. None: all.
    filters: Vec<String>,
    /// Take the outputs that differ from the recorded snapshots as the new recordings.
    #[arg(long)]
    accept: bool,
    /// Test the rig itself: does it see red?
    #[arg(long, conflicts_with_all = ["filters", "accept"])]
    self_test: bool,
    #[command(flatten)]
    vm: vm::Options,
}

pub fn vm_test(
    Arguments { filters, accept, self_test, vm: options }: Arguments,
) -> anyhow::Result<Outcome> {
    if self_test {
        return self_test::self_test(options);
    }
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
        environment: insta_environment(accept),
    };

    let parts = vm::prepare(&sh, &options, Tests::OfTheSteps)?;
    let start = Instant::now();
    let mut guest = vm::boot(&sh, &parts, &options, work)?;
    println!("{}", guest.banner);

    let mut report = Report::new(stdout());
    // The guest enforces each test's deadline. This one is for a guest that cannot any more.
    let end = listen(&mut guest.machine, &mut report, Duration::from_secs(options.timeout + 30))?;
    if matches!(end, End::Gone(_)) {
        bring_back(guest.machine, accept)?;
    }
    report.conclude(end, start.elapsed())
}

/// Hands all that the guest tells to the report. Silence for longer than `patience` ends it.
pub fn listen(
    machine: &mut Machine,
    report: &mut Report<impl Write>,
    patience: Duration,
) -> anyhow::Result<End> {
    loop {
        match machine.next(patience) {
            Ok(Some(record)) => report.take(record)?,
            Ok(None) => return Ok(End::Gone(machine.console_tail())),
            Err(error) => return Ok(End::Broken(error)),
        }
    }
}

/// insta in the guest: where the snapshots are, and where to put new ones.
fn insta_environment(accept: bool) -> Vec<(String, String)> {
    let update = if std::env::var_os("CI").is_some() { "no" } else { "new" };
    [
        ("INSTA_WORKSPACE_ROOT", WORKSPACE_DIR),
        ("INSTA_PENDING_DIR", OUT_DIR),
        ("INSTA_UPDATE", update),
        // A test with several snapshots goes on after the first that differs.
        ("INSTA_FORCE_PASS", if accept { "1" } else { "0" }),
        ("RUST_BACKTRACE", "0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Puts the snapshots that differ beside the recorded ones, or in their place.
fn bring_back(machine: Machine, accept: bool) -> anyhow::Result<()> {
    let archive = machine.finish()?;
    if archive.is_empty() {
        return Ok(());
    }
    for (name, content) in vm::initramfs::files(&archive)? {
        let path = steps::workspace_root().join(&name);
        let write = |path: &Path, content: &[u8]| -> anyhow::Result<()> {
            let dir = path.parent().context("a snapshot at the root")?;
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
            fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
        };
        match path.to_str().and_then(|path| path.strip_suffix(".new")).filter(|_| accept) {
            Some(recorded) => {
                write(Path::new(recorded), recording(&content).as_bytes())?;
                eprintln!("recorded: {recorded}");
            }
            None => {
                write(&path, &content)?;
                eprintln!("\na snapshot differs: {name}");
                eprintln!(
                    "look at it, then accept it: cargo insta review, or cargo xtask vm-test --accept"
                );
            }
        }
    }
    Ok(())
}

/// A pending snapshot as `cargo insta accept` would store it: without the line of its assertion,
/// which would change with every edit of the test.
fn recording(pending: &[u8]) -> String {
    let text = String::from_utf8_lossy(pending);
    text.split_inclusive('\n').filter(|line| !line.starts_with("assertion_line: ")).collect()
}
