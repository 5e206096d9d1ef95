//! Step 07: a mirror, as its clients see it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use kernel_tests::{Server, is_mounted};
use nix::libc;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::{Mode, utimes};
use nix::sys::statvfs::statvfs;
use nix::sys::time::TimeVal;
use nix::unistd::{Gid, Uid, chown, mkfifo};
use step05_server::Files;
use step07_mirror::{Counters, Mirror};

use crate::described::describe;
use crate::in_bytes::InBytes;
use crate::in_process::serving;
use crate::mounted::Mounted;
use crate::recorded::{Traced, assert_recorded};
use crate::visitor::{
    errno, everybodys_visit, fresh_dir, output, program, stderr, stdout, until, visit,
};
use crate::xattrs;

/// The mirror of `source`, with `options`.
fn mirror(source: &Path, options: &[&str]) -> (Server, PathBuf) {
    let dir = fresh_dir("mnt");
    let mut command = program("step07-mirror");
    command.args(options).arg(source).arg(&dir).stdout(Stdio::null());
    (Server::start(command, &dir).unwrap(), dir)
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_is_done_in_the_mirror_is_done_in_the_source() {
    let source = fresh_dir("source");
    let (server, dir) = mirror(&source, &["--valid", "0"]);
    let file = dir.join("file");
    fs::create_dir_all(dir.join("a/b/c")).unwrap();
    fs::write(&file, "onetwo").unwrap();
    fs::hard_link(&file, dir.join("a/link")).unwrap();
    symlink("../file", dir.join("a/symlink")).unwrap();
    mkfifo(&dir.join("fifo"), Mode::S_IRWXU).unwrap();
    // A hole, and behind it a piece larger than one WRITE.
    let piece: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
    let open = OpenOptions::new().read(true).write(true).open(&file).unwrap();
    open.write_all_at(&piece, 1_000_000).unwrap();
    let mut append = OpenOptions::new().append(true).open(&file).unwrap();
    append.write_all(b"three").unwrap();
    open.sync_all().unwrap();
    fs::write(dir.join("short"), "much too long").unwrap();
    fs::write(dir.join("short"), "short").unwrap();
    fs::set_permissions(dir.join("short"), Permissions::from_mode(0o4751)).unwrap();
    chown(&dir.join("a/b"), Some(Uid::from_raw(12)), Some(Gid::from_raw(34))).unwrap();
    utimes(&dir.join("a/b/c"), &TimeVal::new(-5, 0), &TimeVal::new(7, 250_000)).unwrap();
    fs::rename(dir.join("short"), dir.join("a/b/renamed")).unwrap();
    xattrs::set(&dir.join("a/b/renamed"), "user.colour", b"blue", 0).unwrap_or_else(|errno| {
        // A tmpfs has no such attributes before Linux 6.6; then the source has none either.
        let direct = xattrs::set(&source.join("a/b/renamed"), "user.colour", b"blue", 0);
        assert_eq!(direct, Err(errno));
    });
    fs::write(dir.join("gone"), "").unwrap();
    fs::remove_file(dir.join("gone")).unwrap();

    let mirrored = describe(&dir);
    assert_eq!(mirrored.len(), 9, "{mirrored:#?}");
    assert_eq!(mirrored, describe(&source));
    assert!(fs::metadata(dir.join("fifo")).unwrap().file_type().is_fifo());
    let stat = (statvfs(&dir).unwrap(), statvfs(&source).unwrap());
    assert_eq!((stat.0.blocks(), stat.0.block_size()), (stat.1.blocks(), stat.1.block_size()));
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_is_created_belongs_to_the_client() {
    let source = fresh_dir("source");
    let (server, dir) = mirror(&source, &["--allow-other"]);
    for (name, mode) in [("open", 0o777), ("shared", 0o2777), ("closed", 0o700)] {
        fs::create_dir(dir.join(name)).unwrap();
        fs::set_permissions(dir.join(name), Permissions::from_mode(mode)).unwrap();
    }
    let as_1000 =
        |what: &[&str]| output(everybodys_visit().args(what).current_dir(&dir).uid(1000).gid(1000));
    for (name, expected) in [("open", (1000, 1000)), ("shared", (1000, 0))] {
        let file = format!("{name}/file");
        let written = as_1000(&["write", &file, "mine"]);
        assert!(written.status.success(), "{}", stderr(&written));
        let meta = fs::metadata(source.join(&file)).unwrap();
        assert_eq!((meta.uid(), meta.gid()), expected);
    }
    for what in
        [&["write", "closed/file", "mine"][..], &["cat", "closed/file"], &["mv", "open", "o"]]
    {
        let refused = as_1000(what);
        assert!(stderr(&refused).contains("Permission denied"), "{}", stderr(&refused));
    }
    // And the server is itself again.
    fs::write(dir.join("open/root's"), "").unwrap();
    assert_eq!(fs::metadata(source.join("open/root's")).unwrap().uid(), 0);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn no_way_leads_out_of_the_source() {
    let place = fresh_dir("place");
    let (source, outside) = (place.join("source"), place.join("outside"));
    fs::create_dir_all(source.join("dir")).unwrap();
    fs::write(source.join("dir/file"), "inside").unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "outside").unwrap();
    symlink("../outside", source.join("link")).unwrap();
    let (server, dir) = mirror(&source, &["--valid", "0"]);
    // The client follows a link in its own world, where nothing is at ../outside.
    assert_eq!(errno(fs::read(dir.join("link/file"))), Some(libc::ENOENT));
    assert_eq!(fs::read_link(dir.join("link")).unwrap(), Path::new("../outside"));

    // The race: `dir` is a directory, is nothing, is a link to the outside, and so on.
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::rename(source.join("dir"), source.join("aside")).unwrap();
                fs::rename(source.join("link"), source.join("dir")).unwrap();
                fs::rename(source.join("dir"), source.join("link")).unwrap();
                fs::rename(source.join("aside"), source.join("dir")).unwrap();
            }
        });
        // Until the client has often come in time, and often too late.
        let (mut read, mut missed) = (0, 0);
        for n in 0.. {
            match fs::read_to_string(dir.join("dir/file")) {
                Ok(text) => {
                    assert_eq!(text, "inside");
                    read += 1;
                }
                Err(_) => missed += 1,
            }
            let _ = fs::write(dir.join(format!("dir/new {n}")), "");
            if read >= 20 && missed >= 20 {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(fs::read_dir(source.join("dir")).unwrap().count() > 1, "nothing was written");
    let left: Vec<OsString> =
        fs::read_dir(&outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["file"]);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_mirror_that_cannot_be_is_refused() {
    let source = fresh_dir("source");
    let below = source.join("below");
    fs::create_dir(&below).unwrap();
    fs::write(source.join("file"), "").unwrap();
    let elsewhere = fresh_dir("elsewhere");
    let refused = |arguments: &[&Path], reason: &str| {
        let run = output(program("step07-mirror").args(arguments));
        assert_eq!(run.status.code(), Some(1));
        assert!(stderr(&run).contains(reason), "{}", stderr(&run));
        assert!(!is_mounted(arguments[arguments.len() - 1]).unwrap());
    };
    refused(&[&source, &below], "inside the source");
    refused(&[&source, &source], "inside the source");
    refused(&[&source.join("file"), &elsewhere], "is not a directory");
    refused(&[&source.join("nothing"), &elsewhere], "No such file or directory");
    let unchecked = ["--allow-other", "--no-default-permissions"].map(Path::new);
    refused(&[unchecked[0], unchecked[1], &source, &elsewhere], "needs default_permissions");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_full_table_of_descriptors_is_answered() {
    let source = fresh_dir("source");
    for n in 0..100 {
        fs::write(source.join(format!("file {n}")), "text").unwrap();
    }
    let dir = fresh_dir("mnt");
    let mut command = program("step07-mirror");
    command.args(["--valid", "0", "--trace"]).arg(&source).arg(&dir).stdout(Stdio::null());
    // SAFETY: between fork and exec nothing is done but one system call.
    unsafe {
        command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_NOFILE, 40, 40)?));
    }
    let server = Server::start(command, &dir).unwrap();

    let opened: Vec<_> = (0..100).map(|n| File::open(dir.join(format!("file {n}")))).collect();
    let refused = opened.iter().position(Result::is_err).expect("100 files with 40 descriptors");
    assert!(refused > 5, "{refused}");
    assert!(opened[refused..].iter().all(Result::is_err));
    assert_eq!(opened[refused].as_ref().unwrap_err().raw_os_error(), Some(libc::EMFILE));
    assert_eq!(errno(fs::write(dir.join("new"), "")), Some(libc::EMFILE));
    // What is open goes on as before, and once it is closed, so does all the rest.
    let mut text = String::new();
    opened[0].as_ref().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "text");
    drop(opened);
    // RELEASE comes after close(2), FORGET when memory is wanted.
    drop_caches();
    until("files can be opened again", || fs::write(dir.join("new"), "new").is_ok());
    assert_eq!(fs::read(source.join("new")).unwrap(), b"new");
    assert!(server.interrupt().unwrap().success());
}

/// The kernel forgets what it can.
fn drop_caches() {
    fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_source_that_is_read_only_or_gone_or_full_is_answered() {
    let place = Mounted::tmpfs_of("1M", "place");
    let source = place.0.join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "text").unwrap();
    let read_only = Mounted::read_only(&source, "read-only");
    let (server, dir) = mirror(&read_only.0, &["--valid", "0"]);
    let rofs = Some(libc::EROFS);
    assert_eq!(errno(fs::write(dir.join("file"), "")), rofs);
    assert_eq!(errno(fs::write(dir.join("new"), "")), rofs);
    assert_eq!(errno(fs::create_dir(dir.join("new"))), rofs);
    assert_eq!(errno(fs::remove_file(dir.join("file"))), rofs);
    assert_eq!(errno(fs::set_permissions(&dir, Permissions::from_mode(0o700))), rofs);
    assert_eq!(fs::read(dir.join("file")).unwrap(), b"text");
    assert!(server.interrupt().unwrap().success());
    fs::remove_dir(&dir).unwrap();

    let (server, dir) = mirror(&source, &["--valid", "0"]);
    fs::remove_dir_all(&source).unwrap();
    assert_eq!(errno(fs::read(dir.join("file"))), Some(libc::ENOENT));
    assert_eq!(errno(fs::write(dir.join("new"), "")), Some(libc::ENOENT));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    assert_eq!(fs::metadata(&dir).unwrap().nlink(), 0);
    assert!(server.interrupt().unwrap().success());
    fs::remove_dir(&dir).unwrap();

    let (server, dir) = mirror(&place.0, &["--valid", "0"]);
    fs::write(dir.join("keep"), "kept").unwrap();
    assert_eq!(errno(fs::write(dir.join("fill"), vec![7; 2 << 20])), Some(libc::ENOSPC));
    let filled = fs::read(dir.join("fill")).unwrap();
    assert!(filled.len() > 900_000 && filled.iter().all(|byte| *byte == 7));
    assert_eq!(fs::read(dir.join("keep")).unwrap(), b"kept");
    fs::remove_file(dir.join("fill")).unwrap();
    // The file is gone when the kernel has forgotten it.
    until("there is room again", || fs::write(dir.join("again"), vec![7; 900_000]).is_ok());
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_big_directory_is_emptied_while_it_is_listed() {
    let source = Mounted::tmpfs("source");
    let (server, dir) = mirror(&source.0, &[]);
    fs::write(dir.join("first"), "").unwrap();
    for n in 0..500 {
        fs::hard_link(dir.join("first"), dir.join(format!("link {n}"))).unwrap();
    }
    assert_eq!(stdout(&visit("names", &dir)), "503 names\n");
    // Where the source's offsets are positions, each removal moves all that is behind it.
    for entry in fs::read_dir(&dir).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(fs::read_dir(&source.0).unwrap().count(), 0);
    assert_eq!(stdout(&visit("names", &dir)), "2 names\n");
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn when_all_is_closed_nothing_is_held() {
    let source = Mounted::tmpfs("source");
    // Its mount point is another than the source, and that is all that Mirror::open wants of it.
    let mirror = Files(Mirror::open(&source.0, Path::new("/"), Duration::ZERO).unwrap());
    let nothing = Counters { nodes: 1, handles: 0 };
    serving(&mirror, |dir| {
        let create = OpenOptions::new().read(true).write(true).create_new(true).clone();
        let mut held = create.open(dir.join("held")).unwrap();
        held.write_all(b"still here").unwrap();
        for n in 0..100 {
            let path = dir.join(format!("file {n}"));
            fs::write(&path, "text").unwrap();
            assert_eq!(fs::metadata(&path).unwrap().len(), 4);
            fs::remove_file(&path).unwrap();
        }
        fs::remove_file(dir.join("held")).unwrap();
        assert_eq!(fs::read_dir(dir).unwrap().count(), 0);
        assert_eq!(held.metadata().unwrap().nlink(), 0);
        held.rewind().unwrap();
        let mut text = String::new();
        held.read_to_string(&mut text).unwrap();
        assert_eq!(text, "still here");
        until("only the open file is left", || {
            mirror.0.counters() == Counters { nodes: 2, handles: 1 }
        });
        drop(held);
        until("everything is forgotten", || mirror.0.counters() == nothing);
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_big_directory() {
    let source = Mounted::tmpfs("source");
    for n in 0..300 {
        fs::write(source.0.join(format!("file {n:03}")), "").unwrap();
    }
    let mirror = Traced::start("step07-mirror", &["--valid=3600".as_ref(), source.0.as_ref()]);
    assert_recorded("step07__names", &mirror.visit(&["names", "."], "RELEASEDIR = ok"));
    mirror.end();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_life_of_a_node_whose_name_changes_behind_our_back() {
    let source = Mounted::tmpfs("source");
    let mirror = Traced::start("step07-mirror", &["--valid=3600".as_ref(), source.0.as_ref()]);
    let renamed = |from: &str, to: &str| {
        fs::rename(source.0.join(from), source.0.join(to)).unwrap();
        format!("# mv {from} {to}, in the source\n")
    };
    let told = [
        mirror.visit(&["write", "note", "Still me."], "RELEASE = ok"),
        renamed("note", "moved"),
        mirror.visit(&["cat", "note"], "RELEASE = ok"),
        mirror.visit(&["cat", "moved"], "RELEASE = ok"),
        mirror.when("# echo 2 > /proc/sys/vm/drop_caches", "FORGET", || {
            drop_caches();
            String::new()
        }),
    ];
    assert_recorded("step07__life", &told.concat());
    mirror.end();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_life_of_a_node_in_bytes() {
    let source = Mounted::tmpfs("source");
    let mirror = InBytes::start("step07-mirror", &["--valid=3600", source.0.to_str().unwrap()]);
    mirror.visit(&["write", "note", "Still me."], "RELEASE = ok");
    mirror.log.say("# mv note moved, in the source");
    fs::rename(source.0.join("note"), source.0.join("moved")).unwrap();
    mirror.visit(&["cat", "note"], "RELEASE = ok");
    mirror.visit(&["cat", "moved"], "RELEASE = ok");
    mirror.log.say("# echo 2 > /proc/sys/vm/drop_caches");
    mirror.log.when("FORGET", drop_caches);
    mirror.end("step07__life");
}
