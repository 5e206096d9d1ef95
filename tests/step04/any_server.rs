//! Hello, as its clients see it, and as it leaves: for any program called as `SERVER MOUNTPOINT`
//! (tests/visitor.rs).

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;

use kernel_tests::is_mounted;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};

use crate::visitor::{errno, fresh_dir, serve, stdout, visit};

const HELLO: &str = "Hello from user space!\n";

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn ls_and_cat_work() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    assert_eq!(stdout(&visit("ls", &dir)), "-r--r--r--  1     23 hello.txt\n");
    assert_eq!(stdout(&visit("cat", &dir.join("hello.txt"))), HELLO);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_is_not_there_is_not_found() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    assert_eq!(errno(fs::metadata(dir.join("nothing"))), Some(libc::ENOENT));
    assert_eq!(errno(fs::metadata(dir.join("hello.txt/below"))), Some(libc::ENOTDIR));
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_file_reads_the_same_from_any_place() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let mut file = File::open(dir.join("hello.txt")).unwrap();
    let mut text = String::new();
    file.seek(SeekFrom::Start(6)).unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, &HELLO[6..]);
    assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), HELLO.len() as u64);
    assert_eq!(file.read(&mut [0; 10]).unwrap(), 0);
    drop(file);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn statfs_and_access_are_answered() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let stat = statvfs(&dir).unwrap();
    assert_eq!((stat.files(), stat.name_max(), stat.block_size()), (2, 255, 4096));
    let file = dir.join("hello.txt");
    assert_eq!(access(&file, AccessFlags::R_OK), Ok(()));
    assert_eq!(access(&file, AccessFlags::W_OK), Err(nix::errno::Errno::EROFS));
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn nothing_can_be_changed() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let file = dir.join("hello.txt");
    assert_eq!(errno(fs::write(&file, "mine")), Some(libc::EROFS));
    assert_eq!(errno(fs::create_dir(dir.join("new"))), Some(libc::ENOSYS));
    assert_eq!(errno(fs::write(dir.join("new"), "")), Some(libc::ENOSYS));
    assert_eq!(errno(fs::remove_file(&file)), Some(libc::ENOSYS));
    assert_eq!(fs::read_to_string(&file).unwrap(), HELLO);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn requests_newer_than_7_14_do_not_end_the_session() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let file = File::open(dir.join("hello.txt")).unwrap();
    // LSEEK (7.24): refused, and the kernel finds the end by itself.
    // SAFETY: lseek(2) takes no pointer, and the descriptor is open.
    let hole = unsafe { libc::lseek(std::os::fd::AsRawFd::as_raw_fd(&file), 0, libc::SEEK_HOLE) };
    assert_eq!(hole, HELLO.len() as i64);
    // FALLOCATE (7.19) never gets past the read-only descriptor, so the session is asked again.
    assert!(fallocate(&file, FallocateFlags::empty(), 0, 1).is_err());
    assert_eq!(fs::read_to_string(dir.join("hello.txt")).unwrap(), HELLO);
    drop(file);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn unmounting_ends_it_well() {
    let dir = fresh_dir("mnt");
    let mut server = serve("step04-hello", &dir);
    visit("ls", &dir);
    umount2(&dir, MntFlags::empty()).unwrap();
    assert!(server.wait().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn ctrl_c_ends_it_even_with_a_client_inside() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let file = File::open(dir.join("hello.txt")).unwrap();
    assert!(server.interrupt().unwrap().success());
    assert!(!is_mounted(&dir).unwrap());
    let after = file.metadata();
    assert!(after.is_ok() || errno(after) == Some(libc::ENOTCONN), "no call may hang");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_is_mounted_over_it_stays() {
    let dir = fresh_dir("mnt");
    let mut first = serve("step04-hello", &dir);
    visit("ls", &dir);
    // The first learns late that it was unmounted: when another stands in its place already, and
    // even under the same device number, since the kernel gives the lowest that is free.
    kill(first.pid(), Signal::SIGSTOP).unwrap();
    umount2(&dir, MntFlags::MNT_DETACH).unwrap();
    let second = serve("step04-hello", &dir);
    kill(first.pid(), Signal::SIGCONT).unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(fs::read_to_string(dir.join("hello.txt")).unwrap(), HELLO);
    assert!(second.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_killed_server_leaves_no_client_hanging() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    // Killed before it has answered INIT, it would leave ECONNREFUSED behind on 7.2.
    visit("ls", &dir);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn({
                let file = dir.join("hello.txt");
                move || while fs::read_to_string(&file).is_ok() && stat_afresh(&file) {}
            })
        })
        .collect();
    assert!(!server.kill().unwrap().success());
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(errno(fs::metadata(&dir)), Some(libc::ENOTCONN));
    // A dead mount stays listed until someone unmounts it: here, we.
    assert!(is_mounted(&dir).unwrap());
    umount2(&dir, MntFlags::empty()).unwrap();
    assert!(!is_mounted(&dir).unwrap());
}

/// A call that must reach the server, whatever the kernel remembers.
fn stat_afresh(file: &Path) -> bool {
    statvfs(file).is_ok()
}
