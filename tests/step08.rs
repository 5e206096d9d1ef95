//! Step 08: many at once.

mod locks;
mod reads;
pub mod workers;

use std::path::{Path, PathBuf};
use std::process::Stdio;

use kernel_tests::Server;

use crate::visitor::{fresh_dir, program};

/// A server on a directory of its own: `PROGRAM OPTIONS SOURCES DIRECTORY`.
fn started(name: &str, options: &[&str], sources: &[&Path]) -> (Server, PathBuf) {
    let dir = fresh_dir("mnt");
    let mut command = program(name);
    command.args(options).args(sources).arg(&dir).stdout(Stdio::null());
    (Server::start(command, &dir).unwrap(), dir)
}

/// What is the same on all kernels. Here, so that it lies with the other recordings.
fn assert_same(name: &str, text: &str) {
    insta::assert_snapshot!(name, text);
}
