//! Step 06: a file system in memory, as its clients see it.

mod any_server;

use std::fs::{self, File, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

use kernel_tests::Server;
use nix::libc;
use nix::sys::statvfs::statvfs;
use step05_server::Files;
use step06_memfs::Memfs;

use crate::in_bytes::InBytes;
use crate::in_process::serving;
use crate::recorded::{Traced, assert_recorded};
use crate::visitor::{errno, everybodys_visit, fresh_dir, output, program, stderr, until};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn others_may_do_what_owners_and_modes_allow() {
    let dir = fresh_dir("mnt");
    let mut command = program("step06-memfs");
    command.arg("--allow-other").arg("--trace").arg(&dir).stdout(Stdio::null());
    let server = Server::start(command, &dir).unwrap();
    let (open, shared, closed) = (dir.join("open"), dir.join("shared"), dir.join("closed"));
    for (path, mode) in [(&open, 0o777), (&shared, 0o2777), (&closed, 0o700)] {
        fs::create_dir(path).unwrap();
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let as_1000 = |path: &Path| {
        output(everybodys_visit().arg("write").arg(path).arg("mine").uid(1000).gid(1000))
    };
    let owner = |path: &Path| fs::metadata(path).map(|meta| (meta.uid(), meta.gid()));
    for (dir, expected) in [(&open, (1000, 1000)), (&shared, (1000, 0))] {
        let written = as_1000(&dir.join("file"));
        assert!(written.status.success(), "{}", stderr(&written));
        assert_eq!(owner(&dir.join("file")).unwrap(), expected);
    }
    let refused = as_1000(&closed.join("file"));
    assert!(stderr(&refused).contains("Permission denied"), "{}", stderr(&refused));
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_full_file_system_says_so_and_goes_on() {
    let dir = fresh_dir("mnt");
    let mut command = program("step06-memfs");
    command.args(["--size", "1M"]).arg(&dir).stdout(Stdio::null());
    let server = Server::start(command, &dir).unwrap();
    let keep = dir.join("keep");
    fs::write(&keep, "kept").unwrap();
    let fill = dir.join("fill");
    assert_eq!(errno(fs::write(&fill, vec![7; 2 << 20])), Some(libc::ENOSPC));
    let filled = fs::read(&fill).unwrap();
    assert!(filled.len() > 900_000 && filled.iter().all(|byte| *byte == 7));
    assert_eq!(statvfs(&dir).unwrap().blocks_free(), 0);
    assert_eq!(errno(fs::create_dir(dir.join("dir"))), Some(libc::ENOSPC));
    assert_eq!(fs::read(&keep).unwrap(), b"kept");
    fs::remove_file(&fill).unwrap();
    // The file is gone when the kernel has forgotten it.
    until("there is room again", || fs::write(dir.join("again"), vec![7; 900_000]).is_ok());
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn when_all_is_removed_and_closed_there_is_the_root_alone() {
    let memfs = Files(Memfs::new(1 << 20));
    let empty = memfs.0.counters();
    serving(&memfs, |dir| {
        let mut held = File::create_new(dir.join("held")).unwrap();
        held.write_all(b"still here").unwrap();
        for n in 0..100 {
            let path = dir.join(format!("file {n}"));
            fs::write(&path, "text").unwrap();
            fs::metadata(&path).unwrap();
            fs::remove_file(&path).unwrap();
        }
        fs::remove_file(dir.join("held")).unwrap();
        assert_eq!(held.metadata().unwrap().nlink(), 0);
        let mut text = String::new();
        File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&held)))
            .and_then(|mut again| {
                again.seek(SeekFrom::Start(6))?;
                again.read_to_string(&mut text)
            })
            .map_or_else(|e| panic!("cannot open it again by its descriptor: {e}"), drop);
        assert_eq!(text, "here");
        until("only the open file is left", || memfs.0.counters().nodes == empty.nodes + 1);
        drop(held);
        until("everything is forgotten", || memfs.0.counters() == empty);
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_move() {
    let memfs = Traced::start("step06-memfs", &[]);
    memfs.visit(&["write", "old", "This was old."], "RELEASE = ok");
    memfs.visit(&["write", "new", "This was new."], "RELEASE = ok");
    assert_recorded("step06__mv", &memfs.visit(&["mv", "old", "new"], "FORGET"));
    memfs.end();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_life_of_a_node() {
    let memfs = Traced::start("step06-memfs", &[]);
    let told = [
        memfs.visit(&["write", "note", "Remember me."], "RELEASE = ok"),
        memfs.visit(&["ln", "note", "copy"], "LINK = {"),
        memfs.visit(&["rm", "note"], "UNLINK = ok"),
        memfs.visit(&["hold", "copy"], "FORGET"),
    ];
    assert_recorded("step06__life", &told.concat());
    memfs.end();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_move_in_bytes() {
    let memfs = InBytes::start("step06-memfs", &[]);
    memfs.visit(&["write", "old", "This was old."], "RELEASE = ok");
    memfs.visit(&["write", "new", "This was new."], "RELEASE = ok");
    memfs.visit(&["mv", "old", "new"], "FORGET");
    memfs.end("step06__mv");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_life_of_a_node_in_bytes() {
    let memfs = InBytes::start("step06-memfs", &[]);
    memfs.visit(&["write", "note", "Remember me."], "RELEASE = ok");
    memfs.visit(&["ln", "note", "copy"], "LINK = {");
    memfs.visit(&["rm", "note"], "UNLINK = ok");
    memfs.visit(&["hold", "copy"], "FORGET");
    memfs.end("step06__life");
}
