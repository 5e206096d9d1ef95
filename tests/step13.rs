//! Step 13: the reference, as a program that one would leave running.

mod examples;
pub mod unprivileged;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kernel_tests::{Server, is_mounted};
use nix::libc;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::in_bytes::InBytes;
use crate::mounted::Mounted;
use crate::recorded::assert_recorded;
use crate::visitor::{errno, fresh_dir, output, program, stderr, stdout, until};

/// `fuse714 WHAT …`
fn fuse714(arguments: &[&str]) -> Command {
    let mut command = program("fuse714");
    command.args(arguments);
    command
}

/// The process that serves `dir`, if one does.
fn server_of(dir: &Path) -> Option<Pid> {
    let is_it = |pid: &Pid| {
        let told = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut told = told.split(|byte| *byte == 0);
        let dir = dir.as_os_str().as_encoded_bytes();
        told.next().is_some_and(|name| name.ends_with(b"fuse714")) && told.any(|word| word == dir)
    };
    let processes = fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    pids.map(Pid::from_raw).find(is_it)
}

/// The line of mountinfo about `dir`.
fn mountinfo(dir: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let dir = dir.to_str().unwrap();
    let line = mounts.lines().find(|line| line.split(' ').nth(4) == Some(dir));
    line.unwrap_or_else(|| panic!("{dir} is not in {mounts}")).to_owned()
}

fn is_over(dir: &Path) {
    until("the server ends", || server_of(dir).is_none());
    assert!(!is_mounted(dir).unwrap());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn in_the_foreground_it_says_what_it_does() {
    let source = fresh_dir("source");
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(n) >> 5) as u8).collect();
    fs::write(source.join("file"), &content).unwrap();
    let dir = fresh_dir("mnt");
    let said = dir.with_extension("said");
    let mut command = fuse714(&["mirror", "-f", "--workers", "3"]);
    command.arg(&source).arg(&dir).stdout(File::create(&said).unwrap());
    let server = Server::start(command, &dir).unwrap();
    assert!(fs::read(dir.join("file")).unwrap() == content);
    fs::write(dir.join("new"), &content).unwrap();
    assert!(fs::read(source.join("new")).unwrap() == content);
    let tasks = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
    let names = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
    assert_eq!(names.filter(|name| name.starts_with("worker")).count(), 3);
    assert!(server.interrupt().unwrap().success());
    let said = fs::read_to_string(&said).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("Mounted, strategy patch. Look inside: diff -r "), "{said}");
    assert!(lines[1].starts_with("Unmounted. Let go: nodes "), "{said}");
    assert!(lines[2].starts_with("Answers: spliced "), "{said}");
    assert!(lines[2].contains("(patch "), "{said}");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_session_in_bytes() {
    let source = Mounted::tmpfs("source");
    let path = source.0.to_str().unwrap();
    let mirror = InBytes::start("fuse714 mirror", &["--workers=1", "--valid=3600", path]);
    mirror.visit_from_outside(&["write", "mnt/file", "mine"], "RELEASE = ok");
    mirror.visit_from_outside(&["cat", "mnt/file"], "RELEASE = ok");
    mirror.visit_from_outside(&["ls", "mnt"], "RELEASEDIR = ok");
    mirror.end("step13__session");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn when_the_parent_ends_the_file_system_is_there() {
    let source = fresh_dir("source");
    fs::write(source.join("file"), "content").unwrap();
    let dir = fresh_dir("mnt");
    for unmount in [(|dir| umount2(dir, MntFlags::empty()).unwrap()) as fn(&Path), |dir| {
        kill(server_of(dir).unwrap(), Signal::SIGTERM).unwrap()
    }] {
        let run = output(fuse714(&["mirror"]).arg(&source).arg(&dir));
        assert!(run.status.success(), "{}", stderr(&run));
        assert_eq!((stdout(&run), stderr(&run)), (String::new(), String::new()));
        assert_eq!(fs::read(dir.join("file")).unwrap(), b"content");
        let server = server_of(&dir).unwrap();
        let link = |name: &str| fs::read_link(format!("/proc/{server}/{name}")).unwrap();
        assert_eq!(link("cwd"), Path::new("/"));
        for fd in ["fd/0", "fd/1", "fd/2"] {
            assert_eq!(link(fd), Path::new("/dev/null"));
        }
        unmount(&dir);
        is_over(&dir);
    }
    let run = output(fuse714(&["mem", "--size", "1M"]).arg(&dir));
    assert!(run.status.success(), "{}", stderr(&run));
    fs::write(dir.join("file"), "content").unwrap();
    assert_eq!(errno(fs::write(dir.join("big"), vec![7; 2 << 20])), Some(libc::ENOSPC));
    kill(server_of(&dir).unwrap(), Signal::SIGINT).unwrap();
    is_over(&dir);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_cannot_be_is_refused_before_the_parent_ends() {
    let source = fresh_dir("source");
    let below = source.join("below");
    fs::create_dir(&below).unwrap();
    let dir = fresh_dir("mnt");
    let refused = |arguments: &[&str], on: &Path, why: &str| {
        for foreground in [&[][..], &["-f"]] {
            let run = output(fuse714(arguments).args(foreground).arg(on));
            assert_eq!(run.status.code(), Some(1), "{arguments:?}");
            assert!(stderr(&run).starts_with("fuse714: "), "{}", stderr(&run));
            assert!(stderr(&run).contains(why), "{}", stderr(&run));
            assert!(server_of(on).is_none() && !is_mounted(on).unwrap());
        }
    };
    let source = source.to_str().unwrap();
    refused(&["mem"], Path::new("/no/such/place"), "Make it: mkdir -p /no/such/place");
    refused(&["mirror", source], &below, "inside the source");
    refused(&["mirror", "/no/such/place"], &dir, "No such file or directory");
    refused(&["mem", "-o", "ro,colour=red"], &dir, "no mount option \"colour=red\". There are:");
    refused(&["mem", "-o", "max_read=many"], &dir, "give a number of bytes");
    refused(&["mem", "--splice", "never", "--strategy", "patch"], &dir, "leave one out");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn mount_options_arrive_at_the_kernel() {
    let source = fresh_dir("source");
    fs::write(source.join("file"), "content").unwrap();
    for (way, options) in [("direct", r"fsname=a\,b,dev"), ("fusermount", r"fsname=a\,b,dev")] {
        let dir = fresh_dir(way);
        let mut command = fuse714(&["mirror", "-f", "--mount", way, "-o", options, "-o"]);
        command.arg("ro,noexec,noatime,subtype=mine,max_read=65536,allow_other");
        command.arg(&source).arg(&dir).stdout(Stdio::null());
        let server = Server::start(command, &dir).unwrap();
        let line = mountinfo(&dir);
        let (mount, file_system) = line.split_once(" - ").unwrap();
        assert!(mount.contains(" ro,nosuid,noexec,noatime"), "{line}");
        assert!(file_system.starts_with("fuse.mine a,b ro,"), "{line}");
        for option in ["default_permissions", "allow_other", "max_read=65536"] {
            assert!(file_system.contains(option), "{line}");
        }
        assert_eq!(errno(fs::write(dir.join("new"), "")), Some(libc::EROFS));
        assert_eq!(fs::read(dir.join("file")).unwrap(), b"content");
        assert!(server.interrupt().unwrap().success());
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_is_open_does_not_keep_a_server_that_fusermount_mounted() {
    unprivileged::make_ready();
    let source = fresh_dir("source");
    fs::write(source.join("file"), "content").unwrap();
    let dir = fresh_dir("mnt");
    let mut command = fuse714(&["mirror", "-f", "--mount", "fusermount"]);
    command.arg(&source).arg(&dir).stdout(Stdio::null());
    let server = Server::start(command, &dir).unwrap();
    let mut held = File::open(dir.join("file")).unwrap();
    assert!(server.interrupt().unwrap().success());
    assert!(!is_mounted(&dir).unwrap());
    // Nobody is there any more to ask for what is not in the cache: ENOTCONN, and on 7.2 EIO.
    assert!(held.read(&mut [0]).is_err());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn always_to_splice_and_never_to_are_obeyed() {
    let source = fresh_dir("source");
    fs::write(source.join("file"), vec![7; 1 << 20]).unwrap();
    for (splice, says) in
        [("always", "Answers: spliced 8 (patch 8), "), ("never", "Answers: spliced 0, copied ")]
    {
        let dir = fresh_dir(splice);
        let said = dir.with_extension("said");
        let mut command = fuse714(&["mirror", "-f", "--splice", splice]);
        command.arg(&source).arg(&dir).stdout(File::create(&said).unwrap());
        let server = Server::start(command, &dir).unwrap();
        assert_eq!(fs::read(dir.join("file")).unwrap().len(), 1 << 20);
        assert!(server.interrupt().unwrap().success());
        let said = fs::read_to_string(&said).unwrap();
        assert!(said.contains(says), "{said}");
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn it_tells_what_works_here() {
    let run = output(&mut fuse714(&["probe"]));
    assert!(run.status.success(), "{}", stderr(&run));
    let said = stdout(&run);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    for line in [
        &format!("kernel                {}", release.trim()),
        "flags offered, taken  ASYNC_READ|BIG_WRITES",
        "would mount by        mount(2)",
        "splice(2)             yes",
        "vmsplice(2)           by reference",
        "slots of a pipe       16",
        "… that asks for 34    64",
        "strategy              patch: a header can be changed while it is in a pipe",
    ] {
        assert!(said.lines().any(|there| there == line), "{line:?} is not in\n{said}");
    }
    assert!(said.contains("\nFUSE                  7."), "{said}");
    // The rest is the same on all machines with one kernel, but for its release.
    let (_, rest) = said.split_once('\n').unwrap();
    assert_recorded("step13__probe", &format!("$ fuse714 probe\n{rest}"));
    // Nothing of it is left.
    let left = fs::read_dir(std::env::temp_dir()).unwrap();
    let mut names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.all(|name| !name.starts_with("fuse714-probe")));
}

/// A program of the reference's, for everybody to run.
pub fn everybodys(name: &str) -> PathBuf {
    let dir = std::env::temp_dir();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.canonicalize().unwrap().join(name);
    fs::copy(program(name).get_program(), &copy).unwrap();
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o777, 0o755);
    copy
}
