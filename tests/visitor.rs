//! What the tests of all steps share: a place to mount on, a server to run, a visit to make.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kernel_tests::{Server, programs};

/// A fresh, empty directory in the test's own directory. Absolute, without symbolic links.
pub fn fresh_dir(name: &str) -> PathBuf {
    let dir = env::temp_dir().canonicalize().unwrap().join(name);
    fs::create_dir(&dir).unwrap_or_else(|e| panic!("cannot make {}: {e}", dir.display()));
    dir
}

/// A step's program.
pub fn program(name: &str) -> Command {
    Command::new(programs().join(name))
}

/// Runs a program that ends by itself.
pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"))
}

/// What a program printed on stdout.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a program printed on stderr.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Starts a step's server on `dir`. Its trace goes to this test's output, shown when the test fails.
pub fn serve(name: &str, dir: &Path) -> Server {
    let mut command = program(name);
    command.arg("--trace").arg(dir).stdout(Stdio::null());
    Server::start(command, dir).unwrap()
}

/// The kit's own client (tests/visit.rs): `visit ls DIR` and the like.
pub fn visit(what: &str, path: &Path) -> Output {
    output(program("visit").arg(what).arg(path))
}
