//! What the host and the guest say to each other.
//!
//! The host packs a [`Job`] into the guest's initramfs, as JSON. The guest's pid 1, this package's
//! binary `init`, does it and sends [`Record`]s back through a virtio port of their own, one line of
//! JSON each. The console belongs to the kernel, so nothing that a kernel prints can be mistaken
//! for a verdict.

mod facts;

pub use facts::{Bytes, Fact, KEPT, Process};

use std::io::{BufRead, BufReader, Read};

use serde::{Deserialize, Serialize};

/// Where the initramfs holds the job.
pub const JOB_PATH: &str = "/job.json";
/// The virtio port that carries the records.
pub const RESULTS_PORT: &str = "results";
/// The virtio port that brings the files of [`OUT_DIR`] back, as one cpio archive.
pub const FILES_PORT: &str = "files";
/// What a test leaves here comes back to the host.
pub const OUT_DIR: &str = "/out";
/// Where the initramfs holds the programs: the steps' servers and the client.
pub const BIN_DIR: &str = "/bin";
/// Where the initramfs holds the test programs.
pub const TESTS_DIR: &str = "/tests";
/// Where the initramfs holds the workspace's snapshots, at the paths they have there.
pub const WORKSPACE_DIR: &str = "/ws";

/// What a guest is booted for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Kernel modules, as paths in the initramfs, in the order in which to load them.
    pub modules: Vec<String>,
    /// What to do then.
    pub work: Work,
}

/// The work of a [`Job`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Run tests, one process each.
    Tests {
        /// Which: those whose name contains one of these, or all if there are none.
        filters: Vec<String>,
        /// A filter must be the whole name.
        exact: bool,
        /// Each test's deadline, in seconds.
        timeout: u64,
        /// Environment variables for the tests.
        environment: Vec<(String, String)>,
        /// Run the first few that fail once more, and follow them.
        witness: bool,
    },
    /// Run one program, with its arguments.
    Run {
        /// `argv`, the program first.
        command: Vec<String>,
        /// Its deadline, in seconds.
        timeout: u64,
    },
    /// Give the console a shell, until it ends.
    Shell,
}

/// What a learner's server says that runs into an exercise nobody has written yet, as `todo!` has it.
pub const HOLE: &str = "not yet implemented: exercise ";

/// What makes a test program list its tests, a line each: `step04::ls_and_cat_work: test`.
///
/// `--include-ignored`: the attribute only keeps them out of a plain `cargo test`.
pub const LIST: [&str; 4] = ["--list", "--format", "terse", "--include-ignored"];

/// Those of the listed tests that the filters select. Without a filter every test is selected.
pub fn selected(listed: &str, filters: &[String], exact: bool) -> Vec<String> {
    let fits =
        |name: &str, filter: &String| if exact { name == filter } else { name.contains(filter) };
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let wanted =
        |name: &&str| filters.is_empty() || filters.iter().any(|filter| fits(name, filter));
    names.filter(wanted).map(str::to_owned).collect()
}

/// What makes a test program run this one test.
pub fn only(test: &str) -> [&str; 5] {
    ["--exact", test, "--include-ignored", "--nocapture", "--test-threads=1"]
}

/// Hands on what a program prints, until its end, line by line: so that no character is cut in two.
pub fn each_line(printed: impl Read, mut hand_on: impl FnMut(String)) {
    let mut printed = BufReader::new(printed);
    let mut line = Vec::new();
    while let Ok(1..) = printed.read_until(b'\n', &mut line) {
        hand_on(String::from_utf8_lossy(&line).into_owned());
        line.clear();
    }
}

/// One line from the guest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// The first: the guest is up, and its kernel speaks FUSE.
    Hello {
        /// As `uname -r` prints it.
        release: String,
        /// The protocol that its INIT offers: `7.41`.
        fuse: String,
    },
    /// How many tests will run.
    Plan {
        /// That many.
        tests: usize,
    },
    /// A test (or the one program) begins.
    Start {
        /// Its name.
        test: String,
    },
    /// What it printed, on stdout or stderr, as it came.
    Output {
        /// Part of a line, or several lines.
        text: String,
    },
    /// How it ended.
    End {
        /// Its name.
        test: String,
        /// How.
        verdict: Verdict,
        /// How long it ran.
        seconds: f64,
    },
    /// A test that failed is run once more, followed. A start, its output, an end and facts come next.
    Again {
        /// Its name.
        test: String,
    },
    /// What was seen of the test that ran once more, in order.
    Seen {
        /// The fact.
        fact: Fact,
    },
    /// The last. What comes without it is no success, whatever QEMU's exit status says.
    Done,
}

/// How a test ended, as the guest saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// It exited with 0, and left nothing behind.
    Passed,
    /// It exited with another status, or by a signal.
    Failed {
        /// As text: `exit status: 101`, `signal: 9 (SIGKILL)`.
        status: String,
    },
    /// It was still running at its deadline.
    TimedOut {
        /// What each of its threads waited for, a line each.
        waits: Vec<String>,
    },
    /// It passed, but left a FUSE mount or connection behind.
    Leaked {
        /// What was left, a line each.
        what: Vec<String>,
    },
    /// It passed, but the kernel complained meanwhile.
    KernelComplained {
        /// The kernel's messages.
        messages: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_select_by_part_or_by_whole_name() {
        let listed = "a::one: test\na::one_more: test\nb::two: test\nbench: benchmark\n";
        let select = |filter: &str, exact| selected(listed, &[filter.to_owned()], exact);
        assert_eq!(selected(listed, &[], false), ["a::one", "a::one_more", "b::two"]);
        assert_eq!(select("one", false), ["a::one", "a::one_more"]);
        assert_eq!(select("a::one", true), ["a::one"]);
        assert_eq!(select("bench", false), [""; 0]);
    }

    #[test]
    fn a_character_is_not_cut_where_a_buffer_ends() {
        let printed = "→".repeat(5000) + "\nand a rest";
        let mut lines = Vec::new();
        each_line(printed.as_bytes(), |line| lines.push(line));
        assert_eq!(lines.concat(), printed);
        assert_eq!(lines.len(), 2);
    }
}
