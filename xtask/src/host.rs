//! `cargo xtask vm-test --kernel host`: the same tests on this machine's own kernel, by explicit choice.
//!
//! Each runs in mount and process namespaces of its own: what it leaves is gone with them, and this
//! machine's mounts stay as they are.

use std::fs::{self, OpenOptions};
use std::io::{pipe, stdout};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::unistd::geteuid;
use vm_init::{Record, Verdict, each_line, only};
use xshell::{Shell, cmd};

use crate::package::search_path;
use crate::server;
use crate::vm::guest::{self, Programs, Tests};
use crate::vm::report::{End, Report, Verdicts};
use crate::vm_test;
use crate::vm_test::Arguments;

/// Runs the selected tests here, one process each.
pub fn run(sh: &Shell, arguments: &Arguments) -> anyhow::Result<Verdicts> {
    ensure!(geteuid().is_root(), "--kernel host mounts on this machine, which is for root: sudo …");
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/fuse")
        .context("cannot open /dev/fuse on this machine. Try: sudo modprobe fuse")?;
    let mut programs =
        guest::build(sh, &arguments.vm.workspace, Tests::for_suite(arguments.suite))?;
    if let Some(suite) = arguments.suite {
        suite.add_programs(sh, &mut programs)?;
    }
    vm_test::foreign_programs(sh, &programs, arguments)?;
    if let Some(server) = &arguments.server {
        server::announce(sh, &programs, arguments, server)?;
        let server = fs::canonicalize(server)?.to_string_lossy().into_owned();
        programs.environment.push(("SERVER_UNDER_TEST".into(), server));
    }
    let release = cmd!(sh, "uname -r").quiet().read()?;
    println!("kernel {release}, this machine's own");

    let start = Instant::now();
    let selected = vm_test::chosen(sh, &programs, arguments)?;
    let mut report =
        Report::new(stdout(), arguments.nocapture).of_server(arguments.server.as_deref());
    report.take(Record::Plan { tests: selected.len() })?;
    for name in selected {
        one(&programs, &name, arguments, &mut |record| report.take(record))?;
    }
    report.take(Record::Done)?;
    report.verdicts(End::Gone(String::new()), start.elapsed())
}

fn one(
    programs: &Programs,
    name: &str,
    arguments: &Arguments,
    tell: &mut dyn FnMut(Record) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let test = name.to_owned();
    tell(Record::Start { test: test.clone() })?;
    let dir = tempfile::Builder::new().prefix("fuse-by-hand-").tempdir()?;
    let (output, input) = pipe().context("cannot make a pipe")?;
    let start = Instant::now();
    let mut child = Command::new("unshare")
        .args([
            "--mount",
            "--propagation",
            "private",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .arg(&programs.tests)
        .args(only(name))
        .env("PATH", search_path())
        .env("RUST_BACKTRACE", "0")
        .env("TMPDIR", dir.path())
        .env("STEP_BIN_DIR", programs.dir())
        .envs(programs.environment.iter().cloned())
        // A machine's own kernel is not emulated: the suites do their full work.
        .env("SUITE_SIZE", "full")
        .env("INSTA_WORKSPACE_ROOT", &arguments.vm.workspace)
        .env("INSTA_UPDATE", if arguments.accept { "always" } else { "no" })
        .env("INSTA_FORCE_PASS", if arguments.accept { "1" } else { "0" })
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(input.try_clone().context("cannot copy a pipe")?)
        .stderr(input)
        .spawn()
        .context(
            "cannot start unshare. Is util-linux installed? sudo apt-get install util-linux",
        )?;
    let (sender, printed) = channel();
    thread::spawn(move || {
        each_line(output, |line| {
            let _ = sender.send(line);
        });
    });

    let deadline = start + Duration::from_secs(arguments.vm.timeout());
    let timed_out = loop {
        match printed.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(text) => tell(Record::Output { text })?,
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    let waits = if timed_out { waits(child.id()) } else { Vec::new() };
    if timed_out {
        // unshare takes its whole process namespace with it, the server too, and with the server's
        // end its clients wake up.
        child.kill().context("cannot stop a test")?;
    }
    let status = child.wait().context("cannot wait for a test")?;
    let verdict = match (timed_out, status.success()) {
        (true, _) => Verdict::TimedOut { waits },
        (false, true) => Verdict::Passed,
        (false, false) => Verdict::Failed { status: status.to_string() },
    };
    tell(Record::End { test, verdict, seconds })
}

/// What the descendants of a process wait for, by the name of the kernel function.
fn waits(parent: u32) -> Vec<String> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
    let mut lines = Vec::new();
    for child in children.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok())
    {
        let read =
            |file: &str| fs::read_to_string(format!("/proc/{child}/{file}")).unwrap_or_default();
        lines.push(format!("{} (pid {child}): {}", read("comm").trim(), read("wchan").trim()));
        lines.extend(waits(child));
    }
    lines
}
