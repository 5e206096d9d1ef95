//! One program, from start to verdict.

use std::fs;
use std::io::pipe;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use vm_init::{BIN_DIR, HOLE, Record, Verdict, each_line};

use crate::kernel_log::KernelLog;
use crate::leftovers;
use crate::port::Port;

/// How long a test may go on that ran into an exercise nobody has written yet: what it waits for then will
/// hardly come.
const AFTER_A_HOLE: Duration = Duration::from_secs(1);

enum Event {
    Printed(String),
    Ended(ExitStatus),
    /// Nobody holds the other end of its output any more.
    Silent,
}

/// How it ended, for whoever thinks of running it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It passed.
    Well,
    /// It came to a hole in an exercise, and failed.
    AtAHole,
    /// It failed.
    Badly,
}

/// Runs `command` in a fresh directory and tells the host all about it. What it leaves is cleared
/// away, so that the next one finds a clean guest.
pub fn run_and_report(
    command: &[String],
    environment: &[(String, String)],
    timeout: u64,
    name: &str,
    results: &mut Port,
) -> anyhow::Result<Ended> {
    results.send(&Record::Start { test: name.to_owned() })?;
    let log = KernelLog::from_now()?;
    let start = Instant::now();
    let (sender, events) = channel();
    if let Err(error) = spawn(command, environment, name, sender) {
        results.send(&Record::Output { text: format!("{error:#}\n") })?;
        let verdict = Verdict::Failed { status: "could not be started".into() };
        results.send(&Record::End { test: name.to_owned(), verdict, seconds: 0.0 })?;
        return Ok(Ended::Badly);
    }

    // ANCHOR: verdict
    let mut deadline = start + Duration::from_secs(timeout);
    let mut ended = None;
    let mut hole = false;
    let mut verdict = loop {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Printed(text)) => {
                if text.contains(HOLE) {
                    hole = true;
                    deadline = deadline.min(Instant::now() + AFTER_A_HOLE);
                }
                results.send(&Record::Output { text })?;
            }
            Ok(Event::Ended(status)) => {
                ended = Some(start.elapsed());
                break exit_verdict(status);
            }
            Ok(Event::Silent) => {}
            Err(RecvTimeoutError::Timeout) => {
                break Verdict::TimedOut { waits: leftovers::waits() };
            }
            Err(RecvTimeoutError::Disconnected) => {
                break Verdict::Failed { status: "lost: nobody waits for it".into() };
            }
        }
    };
    // ANCHOR_END: verdict
    let seconds = ended.unwrap_or_else(|| start.elapsed()).as_secs_f64();

    if verdict == Verdict::Passed {
        let what = leftovers::after_a_moment();
        if !what.is_empty() {
            verdict = Verdict::Leaked { what };
        }
    }
    leftovers::clear_away();
    // All its processes are gone now, so the last of its output is in the channel.
    while let Ok(event) = events.recv_timeout(Duration::from_secs(1)) {
        match event {
            Event::Printed(text) => {
                hole |= text.contains(HOLE);
                results.send(&Record::Output { text })?;
            }
            Event::Silent => break,
            Event::Ended(_) => {}
        }
    }
    let messages = log.complaints()?;
    if verdict == Verdict::Passed && !messages.is_empty() {
        verdict = Verdict::KernelComplained { messages };
    } else {
        for message in messages {
            results.send(&Record::Output { text: format!("kernel: {message}\n") })?;
        }
    }
    let ended = match verdict {
        Verdict::Passed => Ended::Well,
        _ if hole => Ended::AtAHole,
        _ => Ended::Badly,
    };
    results.send(&Record::End { test: name.to_owned(), verdict, seconds })?;
    Ok(ended)
}

fn exit_verdict(status: ExitStatus) -> Verdict {
    if status.success() { Verdict::Passed } else { Verdict::Failed { status: status.to_string() } }
}

/// Starts the program, one thread that reads what it prints, and one that waits for its end.
fn spawn(
    command: &[String],
    environment: &[(String, String)],
    name: &str,
    events: Sender<Event>,
) -> anyhow::Result<()> {
    let dir = fresh_directory(name)?;
    // One pipe for both, so that the lines stay in the order in which they were written.
    let (output, input) = pipe().context("cannot make a pipe")?;
    let mut child = Command::new(&command[0])
        .args(&command[1..])
        .current_dir(&dir)
        .env_clear()
        .env("PATH", BIN_DIR)
        .env("TMPDIR", &dir)
        .env("STEP_BIN_DIR", BIN_DIR)
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(input.try_clone().context("cannot copy a pipe")?)
        .stderr(input)
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start {}", command[0]))?;

    let to_reader = events.clone();
    thread::spawn(move || {
        each_line(output, |line| {
            let _ = to_reader.send(Event::Printed(line));
        });
        let _ = to_reader.send(Event::Silent);
    });
    thread::spawn(move || {
        if let Ok(status) = child.wait() {
            let _ = events.send(Event::Ended(status));
        }
    });
    Ok(())
}

fn fresh_directory(name: &str) -> anyhow::Result<PathBuf> {
    let dir = PathBuf::from("/tmp").join(name.replace(['/', ':'], "_"));
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}
