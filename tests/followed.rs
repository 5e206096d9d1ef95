//! What a server asks of the kernel, system call by system call (tests/follow.rs).

use std::fs;
use std::path::Path;
use std::process::Stdio;

use kernel_tests::Server;

use crate::visitor::{fresh_dir, program};

/// The system calls that the server made, from when the client began to when it had ended, in order:
/// `splice(4, 7, 131072) = 131072`. Before that it was asked for the file `warm`, so that INIT, and all that
/// is made once, is over.
pub fn calls_for(
    server: &str,
    options: &[&str],
    sources: &[&Path],
    warm: &str,
    client: impl FnOnce(&Path),
) -> Vec<String> {
    let dir = fresh_dir("mnt");
    let log = dir.with_extension("calls");
    let mut command = program("follow");
    command.arg(&log).arg(program(server).get_program());
    command.args(options).args(sources).arg(&dir).stdout(Stdio::null());
    let server = Server::start(command, &dir).unwrap();
    fs::read(dir.join(warm)).unwrap();
    let before = fs::read_to_string(&log).unwrap().lines().count();
    client(&dir);
    let after = fs::read_to_string(&log).unwrap();
    assert!(server.interrupt().unwrap().success());
    fs::remove_dir(&dir).unwrap();
    after.lines().skip(before).map(str::to_owned).collect()
}

/// Their names alone.
pub fn names(calls: &[String]) -> Vec<&str> {
    calls.iter().map(|call| call.split('(').next().unwrap()).collect()
}
