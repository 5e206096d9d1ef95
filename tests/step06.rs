//! Step 06: a file system in memory, as its clients see it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use kernel_tests::Server;
use nix::libc;
use nix::sys::stat::{Mode, utimes};
use nix::sys::statvfs::statvfs;
use nix::sys::time::TimeVal;
use nix::unistd::{Gid, Uid, chown, mkfifo};
use step05_server::Files;
use step06_memfs::Memfs;

use crate::in_bytes::InBytes;
use crate::in_process::serving;
use crate::recorded::{Traced, assert_recorded};
use crate::visitor::{
    errno, everybodys_visit, fresh_dir, output, program, serve, stderr, stdout, until, visit,
};
use crate::xattrs;

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_was_written_reads_back() {
    let dir = fresh_dir("mnt");
    let server = serve("step06-memfs", &dir);
    let file = dir.join("file");
    fs::write(&file, "one").unwrap();
    let mut append = OpenOptions::new().append(true).open(&file).unwrap();
    append.write_all(b"two").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"onetwo");
    // A hole, and behind it a piece larger than one WRITE.
    let piece: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
    let open = OpenOptions::new().read(true).write(true).open(&file).unwrap();
    open.write_all_at(&piece, 1_000_000).unwrap();
    open.sync_all().unwrap();
    let mut back = vec![1; 1_000_000 - 6];
    open.read_exact_at(&mut back, 6).unwrap();
    assert!(back.iter().all(|byte| *byte == 0));
    back.resize(piece.len(), 0);
    open.read_exact_at(&mut back, 1_000_000).unwrap();
    assert_eq!(back, piece);
    let blocks = open.metadata().unwrap().blocks();
    assert!((580..=600).contains(&blocks), "a hole takes no space: {blocks} blocks");
    open.set_len(4).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"onet");
    open.set_len(6).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"onet\0\0", "what was cut does not come back");
    // O_TRUNC comes with OPEN, and the end is where the kernel says it is.
    fs::write(&file, "new").unwrap();
    append.write_all(b"er").unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"newer");
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn names_come_and_go_and_move() {
    let dir = fresh_dir("mnt");
    let server = serve("step06-memfs", &dir);
    let (a, b) = (dir.join("a"), dir.join("b"));
    fs::create_dir(&a).unwrap();
    fs::create_dir(&b).unwrap();
    fs::write(a.join("file"), "text").unwrap();
    fs::hard_link(a.join("file"), b.join("link")).unwrap();
    symlink("../a/file", b.join("symlink")).unwrap();
    mkfifo(&b.join("fifo"), Mode::S_IRWXU).unwrap();
    let (file, link) =
        (fs::metadata(a.join("file")).unwrap(), fs::metadata(b.join("link")).unwrap());
    assert_eq!((file.ino(), file.nlink()), (link.ino(), 2));
    assert_eq!(fs::read(b.join("symlink")).unwrap(), b"text");
    assert_eq!(fs::metadata(&dir).unwrap().nlink(), 4);

    fs::rename(a.join("file"), b.join("fifo")).unwrap();
    assert_eq!(fs::read(b.join("fifo")).unwrap(), b"text");
    assert_eq!(errno(fs::read(b.join("symlink"))), Some(libc::ENOENT));
    assert_eq!(errno(fs::remove_dir(&b)), Some(libc::ENOTEMPTY));
    assert_eq!(errno(fs::rename(&a, &b)), Some(libc::ENOTEMPTY));
    assert_eq!(errno(fs::rename(&b, b.join("below"))), Some(libc::EINVAL));
    fs::rename(&b, a.join("b")).unwrap();
    assert_eq!(fs::metadata(&a).unwrap().nlink(), 3);
    fs::remove_dir_all(&a).unwrap();
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn attributes_can_be_set() {
    let dir = fresh_dir("mnt");
    let server = serve("step06-memfs", &dir);
    let file = dir.join("file");
    fs::write(&file, "text").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o4751)).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode(), libc::S_IFREG | 0o4751);
    // A new owner: the kernel asks for the mode without the setuid bit, in the same SETATTR.
    chown(&file, Some(Uid::from_raw(12)), Some(Gid::from_raw(34))).unwrap();
    let meta = fs::metadata(&file).unwrap();
    assert_eq!((meta.uid(), meta.gid(), meta.mode()), (12, 34, libc::S_IFREG | 0o751));
    utimes(&file, &TimeVal::new(-5, 0), &TimeVal::new(7, 250_000)).unwrap();
    let meta = fs::metadata(&file).unwrap();
    assert_eq!((meta.atime(), meta.mtime(), meta.mtime_nsec()), (-5, 7, 250_000_000));
    assert!(meta.ctime() > 7);
    File::options().write(true).open(&file).unwrap().set_len(4).unwrap();
    assert!(fs::metadata(&file).unwrap().mtime() > 7, "a truncation to the same size counts");

    xattrs::set(&file, "user.colour", b"blue", libc::XATTR_CREATE).unwrap();
    assert_eq!(
        xattrs::set(&file, "user.colour", b"red", libc::XATTR_CREATE),
        Err(nix::Error::EEXIST)
    );
    assert_eq!(xattrs::get(&file, "user.colour", 0), Ok(vec![0; 4]), "its size");
    assert_eq!(xattrs::get(&file, "user.colour", 3), Err(nix::Error::ERANGE));
    assert_eq!(xattrs::get(&file, "user.colour", 64), Ok(b"blue".to_vec()));
    assert_eq!(xattrs::list(&file), Ok(vec!["user.colour".to_owned()]));
    xattrs::remove(&file, "user.colour").unwrap();
    assert_eq!(xattrs::get(&file, "user.colour", 64), Err(nix::Error::ENODATA));
    assert!(server.interrupt().unwrap().success());
}

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
fn a_big_directory_is_emptied_while_it_is_listed() {
    let dir = fresh_dir("mnt");
    let server = serve("step06-memfs", &dir);
    fs::write(dir.join("first"), "").unwrap();
    for n in 0..500 {
        fs::hard_link(dir.join("first"), dir.join(format!("link {n}"))).unwrap();
    }
    assert_eq!(stdout(&visit("names", &dir)), "503 names\n");
    // Each entry goes as soon as it is seen. A listing by position would skip half of them.
    for entry in fs::read_dir(&dir).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(stdout(&visit("names", &dir)), "2 names\n");
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
fn it_ends_well_in_the_middle_of_a_read() {
    for n in 0..10 {
        let dir = fresh_dir(&format!("mnt-{n}"));
        let mut command = program("step06-memfs");
        command.arg(&dir).stdout(Stdio::null());
        let server = Server::start(command, &dir).unwrap();
        let mut file = File::create(dir.join("file")).unwrap();
        let writer = thread::spawn(move || while file.write_all(&[7; 16384]).is_ok() {});
        thread::sleep(Duration::from_millis(5));
        assert!(server.interrupt().unwrap().success(), "round {n}");
        writer.join().unwrap();
    }
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
