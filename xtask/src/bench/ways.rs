//! The ways to serve a directory that are measured.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::libfuse::{self, Variant};

/// A way to serve.
pub struct Way {
    /// What it is called.
    pub name: &'static str,
    /// Are the others told as ratios to it?
    pub is_a_measure: bool,
    program: PathBuf,
    options: Vec<OsString>,
    /// Does the directory to serve come before the mount point? Otherwise it is among the options.
    names_source: bool,
}

/// Ours, by name, and what makes the mirror take them.
const OURS: [(&str, &[&str]); 5] = [
    ("copy", &["--strategy", "copy", "--requests", "read"]),
    ("optimistic", &["--strategy", "optimistic", "--requests", "read"]),
    ("patch", &["--strategy", "patch", "--requests", "read"]),
    ("patch, requests too", &["--strategy", "patch", "--requests", "splice"]),
    ("patch, --move", &["--strategy", "patch", "--requests", "read", "--move"]),
];

/// Which of [`ours`] is the copy.
pub const COPY: usize = 0;

/// Sizes of one READ, in KiB.
pub const SIZES: [usize; 6] = [4, 8, 16, 32, 64, 128];

impl Way {
    /// What serves `source` on `dir`.
    pub fn command(&self, source: &Path, dir: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.options).args(self.names_source.then_some(source)).arg(dir);
        command
    }
}

/// The mirror of step 12, in each way that it has.
pub fn ours(program: &Path) -> Vec<Way> {
    OURS.iter().map(|(name, options)| our(program, name, options)).collect()
}

/// The mirror, which copies or splices answers of every size.
pub fn without_threshold(program: &Path, strategy: &'static str) -> Way {
    let options = ["--strategy", strategy, "--requests", "read", "--threshold", "1"];
    our(program, strategy, &options)
}

fn our(program: &Path, name: &'static str, options: &[&str]) -> Way {
    let options = options.iter().map(OsString::from).collect();
    let is_a_measure = name == OURS[COPY].0;
    Way { name, is_a_measure, program: program.to_owned(), options, names_source: true }
}

/// libfuse's mirror: in one thread, since ours has one, and in the foreground.
pub fn libfuses(source: &Path) -> [Way; 2] {
    [("libfuse", Variant::AsItIs), ("libfuse spliced", Variant::Spliced)].map(|(name, variant)| {
        let mut options = ["-s", "-f", "-o"].map(OsString::from).to_vec();
        let mut directory = OsString::from("source=");
        directory.push(source);
        options.push(directory);
        Way {
            name,
            is_a_measure: variant == Variant::Spliced,
            program: libfuse::program(variant),
            options,
            names_source: false,
        }
    })
}
