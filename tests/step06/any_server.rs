//! A file system in memory, as its clients see it: for any program called as `SERVER MOUNTPOINT`
//! (tests/visitor.rs).

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::sys::stat::{Mode, utimes};
use nix::sys::time::TimeVal;
use nix::unistd::{Gid, Uid, chown, mkfifo};

use crate::visitor::{errno, fresh_dir, serve, serve_quietly, stdout, visit};
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
fn a_big_directory_is_emptied_while_it_is_listed() {
    let dir = fresh_dir("mnt");
    // Nobody reads five thousand lines of a trace.
    let server = serve_quietly("step06-memfs", &dir);
    fs::write(dir.join("first"), "").unwrap();
    // Long names: newer kernels ask for 32 KiB of a listing at once.
    for n in 0..500 {
        fs::hard_link(dir.join("first"), dir.join(format!("link {n:0100}"))).unwrap();
    }
    assert_eq!(stdout(&visit("names", &dir)), "503 names\n");
    // Each entry goes as soon as it is seen. A listing by position would skip half of them.
    for entry in fs::read_dir(&dir).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(stdout(&visit("names", &dir)), "2 names\n", "those of . and ..");
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn it_ends_well_in_the_middle_of_a_read() {
    for n in 0..10 {
        let dir = fresh_dir(&format!("mnt-{n}"));
        let server = serve_quietly("step06-memfs", &dir);
        let mut file = File::create(dir.join("file")).unwrap();
        let writer = thread::spawn(move || while file.write_all(&[7; 16384]).is_ok() {});
        thread::sleep(Duration::from_millis(5));
        assert!(server.interrupt().unwrap().success(), "round {n}");
        writer.join().unwrap();
    }
}
