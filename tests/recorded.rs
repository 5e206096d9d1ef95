//! Outputs that the book shows: recorded once for each kernel, and compared ever after.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kernel_tests::Server;
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{FileStat, stat};
use nix::unistd::{Pid, gettid};

use crate::visitor::{fresh_dir, output, program, stderr, stdout, until, visit};

/// /tmp/m, where the book mounts: for outputs that it shows.
pub fn books_dir() -> PathBuf {
    fs::create_dir_all("/tmp/m").unwrap_or_else(|e| panic!("cannot make /tmp/m: {e}"));
    "/tmp/m".into()
}

/// INIT tells on whose behalf the kernel asks: nobody's up to 6.12, the mounting process's on 7.2. In
/// a namespace of its own that is process 1, each time. It is for the one next child of this thread.
pub fn in_a_process_namespace() {
    unshare(CloneFlags::CLONE_NEWPID).unwrap();
}

/// A server's trace of a short visit: `ls`, `cat` of its file, `cat` of a file that is not there.
pub fn trace_of_a_visit(server: &str) -> String {
    let dir = fresh_dir(server);
    let log = dir.with_extension("trace");
    let mut command = program(server);
    command.arg("--trace=stable").arg(&dir);
    command.stdout(Stdio::null()).stderr(File::create(&log).unwrap());
    let server = Server::start(command, &dir).unwrap();
    visit("ls", &dir);
    visit("cat", &dir.join("hello.txt"));
    visit("cat", &dir.join("nothing"));
    assert!(server.interrupt().unwrap().success());
    fs::read_to_string(&log).unwrap()
}

/// A server, and all that is said between it and the kernel.
pub struct Traced {
    server: Server,
    /// Where it is mounted.
    pub dir: PathBuf,
    log: PathBuf,
}

impl Traced {
    /// Starts it as `PROGRAM ARGUMENTS MOUNTPOINT`.
    pub fn start(name: &str, arguments: &[&OsStr]) -> Traced {
        let dir = fresh_dir("mnt");
        let log = dir.with_extension("trace");
        let mut command = program(name);
        command.arg("--trace=stable").args(arguments).arg(&dir);
        command.stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        let traced = Traced { server: Server::start(command, &dir).unwrap(), dir, log };
        until("INIT is answered", || traced.told().contains("INIT = "));
        traced
    }

    fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Runs a client, until `last` has been said once more. Returns what was said meanwhile.
    pub fn visit(&self, client: &[&str], last: &str) -> String {
        self.when(&format!("$ {}", client.join(" ")), last, || {
            let ran = output(program("visit").args(client).current_dir(&self.dir));
            assert!(ran.status.success(), "{client:?}: {}", stderr(&ran));
            stdout(&ran)
        })
    }

    /// Does something, called `what`, until `last` has been said. Returns what was said meanwhile,
    /// below what `act` gave.
    pub fn when(&self, what: &str, last: &str, act: impl FnOnce() -> String) -> String {
        let before = self.told().len();
        let printed = act();
        until(last, || self.told()[before..].contains(last));
        format!("{what}\n{printed}{}", &self.told()[before..])
    }

    /// Ctrl-C.
    pub fn end(self) {
        assert!(self.server.interrupt().unwrap().success());
    }
}

/// The series of the running kernel: `6.12`.
pub fn series() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    release.splitn(3, '.').take(2).collect::<Vec<_>>().join(".")
}

/// Compares a text with what was recorded on a kernel of the same series: for what differs between
/// kernels. Of a kernel that is not in vm/kernels.toml nothing was recorded, and that is said.
pub fn assert_recorded(name: &str, text: &str) {
    let series = series();
    if env::var_os("RECORDED_KERNEL").is_none() {
        println!("not compared, since no recordings are kept for kernel {series}:\n{text}");
        return;
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_suffix(series);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(format!("kernel__{name}"), text));
}

/// A client: stat(2) of `dir`, in a thread of its own. Returns the thread's id too.
pub fn stat_in_a_thread(dir: PathBuf) -> (JoinHandle<nix::Result<FileStat>>, Pid) {
    let (sender, receiver) = channel();
    let client = thread::spawn(move || {
        sender.send(gettid()).unwrap();
        stat(&dir)
    });
    (client, receiver.recv().unwrap())
}

/// What a thread (or a process) waits for in the kernel, innermost function first, once it waits
/// for a FUSE server: `request_wait_answer ← …`.
pub fn waits(thread: Pid) -> String {
    waits_in(thread, &["fuse"])
}

/// The same, once it waits in a function whose name has one of `parts` in it.
pub fn waits_in(thread: Pid, parts: &[&str]) -> String {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let read = |file: &str| fs::read_to_string(format!("/proc/{thread}/{file}")).unwrap();
        let (status, stack) = (read("status"), read("stack"));
        let functions =
            stack.lines().filter_map(|line| line.split(' ').nth(1)?.split(['+', '.']).next());
        let functions: Vec<_> = functions.take_while(|f| !f.contains("do_sys")).collect();
        // Asleep, and not on its way.
        let sleeps = status.lines().any(|line| line.starts_with("State:") && !line.contains('R'));
        let there = |function: &&str| parts.iter().any(|part| function.contains(part));
        if sleeps && functions.iter().any(there) {
            return functions.join(" ← ");
        }
        assert!(Instant::now() < deadline, "it never waits for {parts:?}: {functions:?}");
        thread::sleep(Duration::from_millis(2));
    }
}
