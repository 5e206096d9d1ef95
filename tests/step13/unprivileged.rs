//! Ordinary users mount through fusermount3.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use kernel_tests::is_mounted;
use nix::libc::{self, makedev};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, SFlag, mknod};

use super::{everybodys, is_over, mountinfo, server_of};
use crate::mounted::Mounted;
use crate::recorded::assert_recorded;
use crate::visitor::{errno, everybodys_visit, fresh_dir, output, stderr, stdout};

const NONE: Option<&str> = None;

/// What a machine for users has, and a guest too: a device for all of them, and the control file system. Here
/// it is for this test alone, since a test's mounts are its own.
pub fn make_ready() {
    if fs::metadata("/dev/fuse").unwrap().permissions().mode() & 0o666 != 0o666 {
        let place = Mounted::tmpfs("device");
        let node = place.0.join("fuse");
        mknod(&node, SFlag::S_IFCHR, Mode::empty(), makedev(10, 229)).unwrap();
        fs::set_permissions(&node, Permissions::from_mode(0o666)).unwrap();
        mount(Some(&node), "/dev/fuse", NONE, MsFlags::MS_BIND, NONE).unwrap();
    }
    // An administrator may have allowed what these tests see refused.
    if Path::new("/etc/fuse.conf").exists() {
        let empty = fresh_dir("etc").join("fuse.conf");
        fs::write(&empty, "").unwrap();
        mount(Some(&empty), "/etc/fuse.conf", NONE, MsFlags::MS_BIND, NONE).unwrap();
    }
    let connections = Path::new("/sys/fs/fuse/connections");
    if !is_mounted(connections).unwrap() {
        mount(Some("fusectl"), connections, Some("fusectl"), MsFlags::empty(), NONE).unwrap();
    }
}

/// As user 1000, with no more rights than that.
fn as_user(mut command: Command) -> Command {
    command.uid(1000).gid(1000);
    command
}

/// A directory of the user's.
fn users_dir(name: &str) -> PathBuf {
    let dir = fresh_dir(name);
    chown(&dir, Some(1000), Some(1000)).unwrap();
    dir
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_user_mounts_uses_and_unmounts_a_mirror() {
    make_ready();
    let program = everybodys("fuse714");
    let (source, dir) = (users_dir("source"), users_dir("mnt"));
    let mount = || {
        let mut command = as_user(Command::new(&program));
        let run = output(command.arg("mirror").arg(&source).arg(&dir));
        assert!(run.status.success(), "{}", stderr(&run));
    };
    let visit = |what: &[&str]| {
        let run = output(as_user(everybodys_visit()).args(what).current_dir(&dir));
        assert!(run.status.success(), "{what:?}: {}", stderr(&run));
        stdout(&run)
    };
    mount();
    let line = mountinfo(&dir);
    assert!(line.contains("nosuid,nodev"), "{line}");
    assert!(line.contains(" - fuse.fuse714 "), "{line}");
    assert!(line.contains("user_id=1000,group_id=1000,default_permissions"), "{line}");
    visit(&["write", "file", "mine"]);
    assert_eq!(visit(&["cat", "file"]), "mine\n");
    assert_eq!(fs::read_to_string(source.join("file")).unwrap(), "mine\n");
    // What is root's stays root's, though it can be seen.
    fs::write(source.join("secret"), "root's").unwrap();
    fs::set_permissions(source.join("secret"), Permissions::from_mode(0o600)).unwrap();
    let refused = output(as_user(everybodys_visit()).args(["cat", "secret"]).current_dir(&dir));
    assert!(stderr(&refused).contains("Permission denied"), "{}", stderr(&refused));
    // And nobody else gets in: root neither.
    assert_eq!(errno(fs::read_dir(&dir)), Some(libc::EACCES));

    let unmounted = output(as_user(Command::new("fusermount3")).arg("-u").arg(&dir));
    assert!(unmounted.status.success(), "{}", stderr(&unmounted));
    is_over(&dir);

    mount();
    assert_eq!(visit(&["cat", "file"]), "mine\n");
    kill(server_of(&dir).unwrap(), Signal::SIGTERM).unwrap();
    is_over(&dir);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_user_is_told_why_not_and_what_mends_it() {
    make_ready();
    let program = everybodys("fuse714");
    let (own, roots) = (users_dir("own"), fresh_dir("roots"));
    let refused = |path: Option<&str>, arguments: &[&str], dir: &Path, why: &[&str]| {
        let mut command = as_user(Command::new(&program));
        if let Some(path) = path {
            command.env("PATH", path);
        }
        let run = output(command.arg("mem").args(arguments).arg(dir));
        assert_eq!(run.status.code(), Some(1));
        for why in why {
            assert!(stderr(&run).contains(why), "{why}: {}", stderr(&run));
        }
        assert!(!is_mounted(dir).unwrap());
    };
    let others = ["-o", "allow_other"];
    refused(None, &others, &own, &["user_allow_other", "sudo tee --append /etc/fuse.conf"]);
    refused(None, &[], &roots, &["no write access", "Mount on a directory of your own."]);
    refused(Some("/no/such/place"), &[], &own, &["is missing", "sudo apt-get install fuse3"]);
    refused(None, &["--mount", "direct"], &own, &["mount(2) is for root"]);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_user_is_told_what_works_without_a_mount() {
    let program = everybodys("fuse714");
    let run = output(as_user(Command::new(&program)).arg("probe"));
    assert!(run.status.success(), "{}", stderr(&run));
    let said = stdout(&run);
    assert!(said.contains("\nFUSE                  not known: it takes a mount to ask"), "{said}");
    assert!(said.contains("\nwould mount by        fusermount3\n"), "{said}");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_session_of_a_user() {
    make_ready();
    let program = everybodys("fuse714");
    let (home, mnt) = (users_dir("home"), users_dir("home/mnt"));
    users_dir("home/source");
    let mut session = String::new();
    // What was typed, what came of it, as it would be in the user's own directory.
    let mut typed = |program: &Path, arguments: &[&str]| {
        let run = output(as_user(Command::new(program)).args(arguments).current_dir(&home));
        let name = program.file_name().unwrap().to_str().unwrap();
        let said = format!("$ {name} {}\n{}{}", arguments.join(" "), stdout(&run), stderr(&run));
        session += &said.replace(home.to_str().unwrap(), "/home/user");
        if let Some(status) = run.status.code().filter(|status| *status != 0) {
            session += &format!("(exit status {status})\n");
        }
    };
    let visit = PathBuf::from(everybodys_visit().get_program());
    typed(&program, &["mirror", "source", "mnt"]);
    typed(&visit, &["write", "mnt/file", "mine"]);
    typed(&visit, &["cat", "source/file"]);
    let line = mountinfo(&mnt);
    typed(Path::new("fusermount3"), &["-u", "mnt"]);
    is_over(&mnt);
    typed(&program, &["mem", "-o", "allow_other", "mnt"]);
    let (_, listed) = line.split_once(" - ").unwrap();
    session += &format!("\n# What /proc/self/mountinfo said: {listed}\n");
    assert_recorded("step13__session", &session);
}
