//! Hello once more, with better reasons for its refusals: for any program called as `SERVER MOUNTPOINT`
//! (tests/visitor.rs).

use std::fs::{self, File};

use kernel_tests::is_mounted;
use nix::libc;
use nix::mount::{MntFlags, umount2};

use crate::visitor::{errno, fresh_dir, serve, stdout, visit};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn ls_and_cat_work() {
    let dir = fresh_dir("mnt");
    let server = serve("step05-server", &dir);
    assert_eq!(stdout(&visit("ls", &dir)), "-r--r--r--  1     23 hello.txt\n");
    assert_eq!(stdout(&visit("cat", &dir.join("hello.txt"))), "Hello from user space!\n");
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn nothing_can_be_changed() {
    let dir = fresh_dir("mnt");
    let server = serve("step05-server", &dir);
    assert_eq!(errno(fs::write(dir.join("hello.txt"), "mine")), Some(libc::EROFS));
    assert_eq!(errno(fs::create_dir(dir.join("new"))), Some(libc::EROFS));
    // CREATE gets ENOSYS, so the kernel tries MKNOD, and that is refused for a good reason.
    assert_eq!(errno(fs::write(dir.join("new"), "")), Some(libc::EROFS));
    assert_eq!(errno(fs::remove_file(dir.join("hello.txt"))), Some(libc::EROFS));
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn it_ends_well_however_it_ends() {
    let dir = fresh_dir("mnt");
    let mut unmounted = serve("step05-server", &dir);
    umount2(&dir, MntFlags::empty()).unwrap();
    assert!(unmounted.wait().unwrap().success());
    let inside = serve("step05-server", &dir);
    let file = File::open(dir.join("hello.txt")).unwrap();
    assert!(inside.interrupt().unwrap().success());
    drop(file);
    assert!(!is_mounted(&dir).unwrap());
}
