//! For any program called as `SERVER MOUNTPOINT` that joins the handshake, gives one answer, and ends
//! (tests/visitor.rs).

use kernel_tests::is_mounted;
use nix::errno::Errno;
use nix::sys::stat::stat;

use crate::visitor::{fresh_dir, serve_quietly};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn after_the_handshake_the_next_question_gets_eio() {
    let dir = fresh_dir("mnt");
    let mut server = serve_quietly("step03-handshake", &dir);
    // Not std::fs::metadata, which is statx(2): newer kernels pass that on as a STATX (7.39).
    assert_eq!(stat(&dir), Err(Errno::EIO), "its one answer");
    assert!(server.wait().unwrap().success());
    assert!(!is_mounted(&dir).unwrap());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn ctrl_c_ends_it_before_anyone_asks() {
    let dir = fresh_dir("mnt");
    let server = serve_quietly("step03-handshake", &dir);
    assert!(server.interrupt().unwrap().success());
    assert!(!is_mounted(&dir).unwrap());
}
