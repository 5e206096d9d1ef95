//! From records to what the user reads, and to the verdict on the whole run.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use vm_init::{Record, Verdict};

use crate::Outcome;
use crate::witness::Again;

/// How the stream of records ended.
pub enum End {
    /// The guest stopped. The text is the end of its console.
    Gone(String),
    /// The rig lost it: QEMU died, or what came could not be read.
    Lost(anyhow::Error),
}

/// A run being told, in the manner of `cargo test`.
pub struct Report<W> {
    out: W,
    /// Print what a test prints as it comes.
    nocapture: bool,
    /// The server that is tested, if it is not the kit's, as it was named.
    server: Option<PathBuf>,
    planned: Option<usize>,
    running: Option<String>,
    output: String,
    passed: Vec<String>,
    failed: Vec<Failure>,
    /// The tests that ran once more, followed. The last may still be running.
    again: Vec<Again>,
    done: bool,
}

/// A test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its name.
    pub test: String,
    /// How it ended, and what goes with that: `FAILED: exit status: 101`.
    pub what: String,
    /// What it printed.
    pub output: String,
    /// What was seen when it ran once more, followed: a story of several lines.
    pub witnessed: Option<String>,
}

/// What became of each test of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdicts {
    /// Those that passed.
    pub passed: Vec<String>,
    /// Those that did not, in the order in which they ran.
    pub failed: Vec<Failure>,
    /// How many never began, since the guest went away.
    pub not_run: usize,
}

impl Verdicts {
    /// The verdict on the whole run.
    pub fn outcome(&self) -> Outcome {
        if self.failed.is_empty() && self.not_run == 0 { Outcome::Good } else { Outcome::Bad }
    }
}

impl<W: Write> Report<W> {
    /// A report that prints to `out`.
    pub fn new(out: W, nocapture: bool) -> Report<W> {
        Report {
            out,
            nocapture,
            server: None,
            planned: None,
            running: None,
            output: String::new(),
            passed: Vec::new(),
            failed: Vec::new(),
            again: Vec::new(),
            done: false,
        }
    }

    /// The same for tests of a server that is not the kit's.
    pub fn of_server(self, server: Option<&Path>) -> Report<W> {
        Report { server: server.map(Path::to_owned), ..self }
    }

    /// Takes one record, in order. An error: the guest does not keep to the order.
    pub fn take(&mut self, record: Record) -> anyhow::Result<()> {
        if self.done {
            bail!("the guest sent {record:?} after its last record");
        }
        let Some(record) = self.take_again(record)? else { return Ok(()) };
        match record {
            Record::Hello { .. } => bail!("the guest said hello twice"),
            Record::Plan { tests } => {
                self.planned = Some(tests);
                writeln!(self.out, "\nrunning {tests} test{}", if tests == 1 { "" } else { "s" })?;
            }
            Record::Start { test } => {
                write!(self.out, "test {test} ... ")?;
                self.out.flush()?;
                self.output.clear();
                self.running = Some(test);
            }
            Record::Output { text } if self.nocapture => {
                write!(self.out, "{text}")?;
                self.out.flush()?;
            }
            Record::Output { text } => self.output.push_str(&text),
            Record::End { test, verdict, seconds } => {
                if self.running.take().as_ref() != Some(&test) {
                    bail!("the guest ended {test}, which was not running");
                }
                self.end(test, verdict, seconds)?;
            }
            Record::Again { .. } | Record::Seen { .. } => {
                bail!("the guest sent {record:?} out of order")
            }
            Record::Done => self.done = true,
        }
        Ok(())
    }

    /// Takes a record that is about a test that runs once more; gives others back.
    fn take_again(&mut self, record: Record) -> anyhow::Result<Option<Record>> {
        match (record, self.again.last_mut()) {
            (Record::Again { test }, _) if self.failed.iter().any(|failed| failed.test == test) => {
                writeln!(self.out, "once more, followed: {test}")?;
                self.again.push(Again::new(test));
            }
            (Record::Start { .. }, Some(_)) => {}
            (Record::Output { text }, Some(again)) => again.output.push_str(&text),
            (Record::End { verdict, .. }, Some(again)) => again.verdict = Some(verdict),
            (Record::Seen { fact }, Some(again)) => again.facts.push(fact),
            (record, _) => return Ok(Some(record)),
        }
        Ok(None)
    }

    fn end(&mut self, test: String, verdict: Verdict, seconds: f64) -> io::Result<()> {
        let lines = |lines: Vec<String>| {
            lines.iter().map(|line| format!("\n    {line}")).collect::<String>()
        };
        let (word, what) = match verdict {
            Verdict::Passed => {
                self.passed.push(test);
                return writeln!(self.out, "ok ({seconds:.2} s)");
            }
            Verdict::Failed { status } => ("FAILED", status),
            Verdict::TimedOut { waits } => (
                "TIMEOUT",
                format!(
                    "still running after {seconds:.0} s. What its processes waited for, innermost call first:{}",
                    lines(waits)
                ),
            ),
            Verdict::Leaked { what } => {
                ("LEAKED", format!("it passed, but left behind:{}", lines(what)))
            }
            Verdict::KernelComplained { messages } => {
                ("KERNEL WARNING", format!("it passed, but the kernel said:{}", lines(messages)))
            }
        };
        self.fail(test, word, what, seconds)
    }

    fn fail(&mut self, test: String, word: &str, what: String, seconds: f64) -> io::Result<()> {
        writeln!(self.out, "{word} ({seconds:.2} s)")?;
        let what = format!("{word}: {what}");
        let output = without_frame(&self.output, &test);
        self.failed.push(Failure { test, what, output, witnessed: None });
        Ok(())
    }

    /// Ends the report and judges the run, test by test. An error: the rig cannot tell.
    pub fn verdicts(mut self, end: End, took: Duration) -> anyhow::Result<Verdicts> {
        // ANCHOR: conclude
        if !self.done {
            match (end, self.running.take()) {
                // The guest went away in the middle of a test: that test's doing.
                (End::Gone(console), Some(test)) => {
                    let what = format!("the guest went away meanwhile\n{console}");
                    self.fail(test, "CRASHED", what, took.as_secs_f64())?;
                }
                // All tests had their verdicts by then, but one of them ran once more.
                (End::Gone(console), None) if !self.again.is_empty() => {
                    if let Some(again) = self.again.last_mut() {
                        again.lost = Some(console);
                    }
                }
                (End::Gone(console), None) => {
                    bail!("the VM went away before its last record\n{console}")
                }
                (End::Lost(error), _) => return Err(error),
            }
        }
        // ANCHOR_END: conclude
        let planned = self.planned.unwrap_or(0);
        if planned == 0 {
            bail!("no test was selected. List them: cargo test --package kernel-tests -- --list");
        }
        for again in &self.again {
            if let Some(failed) = self.failed.iter_mut().find(|failed| failed.test == again.test) {
                failed.witnessed = Some(again.story());
            }
        }
        self.tell_failures()?;
        let (passed, failed) = (self.passed.len(), self.failed.len());
        let not_run = planned.saturating_sub(passed + failed);
        writeln!(
            self.out,
            "\ntest result: {}. {passed} passed; {failed} failed; {not_run} ignored; 0 measured; 0 filtered out; finished in {:.2}s",
            if failed == 0 && not_run == 0 { "ok" } else { "FAILED" },
            took.as_secs_f64()
        )?;
        if not_run > 0 {
            writeln!(self.out, "(ignored: {not_run} not run, since the guest went away)")?;
        }
        Ok(Verdicts { passed: self.passed, failed: self.failed, not_run })
    }

    fn tell_failures(&mut self) -> io::Result<()> {
        if !self.failed.is_empty() {
            writeln!(self.out, "\nfailures:")?;
        }
        for Failure { test, what, output, witnessed } in &self.failed {
            writeln!(self.out, "\n---- {test} ----")?;
            if !output.is_empty() {
                writeln!(self.out, "{output}")?;
            }
            writeln!(self.out, "{what}")?;
            if let Some(story) = witnessed {
                writeln!(self.out, "\n{}", story.trim_end())?;
            }
        }
        if let [first, ..] = &self.failed[..] {
            let server = self.server.as_ref().map(|path| format!(" --server {}", path.display()));
            let server = server.unwrap_or_default();
            writeln!(self.out, "\nAgain, one alone: cargo xtask vm-test {}{server}", first.test)?;
            // It is for the steps' tests.
            if self.again.is_empty() && first.test.starts_with("step") {
                writeln!(
                    self.out,
                    "What went over /dev/fuse: cargo xtask vm-test --witness {}{server}",
                    first.test
                )?;
            }
        }
        Ok(())
    }
}

/// What a test printed, without what its test program prints around it.
pub fn without_frame(output: &str, test: &str) -> String {
    let opening = format!("test {test} ... ");
    let listed = format!("    {test}");
    let frame = |line: &&str| {
        ["", "ok", "FAILED", "failures:", "running 1 test", &listed].contains(line)
            || line.starts_with("test result: ")
            || line.starts_with("note: run with `RUST_BACKTRACE")
    };
    let lines = output.lines().map(|line| line.strip_prefix(&opening).unwrap_or(line));
    lines.filter(|line| !frame(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
