//! What the tests of all steps share: a place to mount on, a server to run, a visit to make.
//!
//! A server need not be ours. `cargo xtask vm-test 04 --server PATH` gives the tests of the module
//! `step04::any_server` another program, in the variable SERVER_UNDER_TEST, and [`serve`] starts that one. Such a
//! test may run no program of the kit's own but the client, and look into none.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kernel_tests::{Server, programs};
use nix::unistd::Pid;

/// A fresh, empty directory in the test's own directory. Absolute, without symbolic links.
pub fn fresh_dir(name: &str) -> PathBuf {
    let dir = env::temp_dir().canonicalize().unwrap().join(name);
    fs::create_dir(&dir).unwrap_or_else(|e| panic!("cannot make {}: {e}", dir.display()));
    dir
}

/// The program that is to be tested in place of a step's own.
pub fn given_server() -> Option<PathBuf> {
    env::var_os("SERVER_UNDER_TEST").map(PathBuf::from)
}

/// A step's program, or another of the kit's own.
///
/// # Panics
///
/// If another server is to be tested: the caller would test ours, and say that theirs is good.
pub fn program(name: &str) -> Command {
    if let Some(server) = given_server() {
        let server = server.display();
        assert_eq!(
            name, "visit",
            "{server} is to be tested, and this test starts {name}: it does not belong in any_server"
        );
    }
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

/// Starts a step's server on `dir`, or the given one. What it prints goes to this test's output, shown when
/// the test fails: of ours the trace.
pub fn serve(name: &str, dir: &Path) -> Server {
    started(name, &["--trace"], dir)
}

/// The same without a trace, for a test with too many requests.
pub fn serve_quietly(name: &str, dir: &Path) -> Server {
    started(name, &[], dir)
}

fn started(name: &str, options: &[&str], dir: &Path) -> Server {
    let mut command = match given_server() {
        // All that may be asked of it: SERVER MOUNTPOINT.
        Some(server) => Command::new(server),
        None => {
            let mut ours = program(name);
            ours.args(options).stdout(Stdio::null());
            ours
        }
    };
    command.arg(dir);
    Server::start(command, dir).unwrap()
}

/// The kit's own client (tests/visit.rs): `visit ls DIR` and the like.
pub fn visit(what: &str, path: &Path) -> Output {
    output(program("visit").arg(what).arg(path))
}

/// The client, as another user: to be run with `uid`. It is a copy in the test's own directory, which is
/// opened for everybody; the way to the programs may be root's alone.
pub fn everybodys_visit() -> Command {
    let dir = env::temp_dir();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.join("visit");
    fs::copy(programs().join("visit"), &copy).unwrap();
    Command::new(copy)
}

/// What a call that was to fail failed with.
pub fn errno(result: io::Result<impl Sized>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

/// Waits for what comes when the kernel likes, such as a FORGET.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "never came: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until a thread of this process, or the only one of another, sleeps in a request to a server.
pub fn until_it_waits(process: Pid) {
    until("it waits for its server", || {
        let stack = fs::read_to_string(format!("/proc/{process}/stack")).unwrap_or_default();
        stack.contains("request_wait_answer") || stack.contains("fuse_get_req")
    });
}
