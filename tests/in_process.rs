//! A file system that the test itself serves, and can look into.

use std::path::Path;
use std::thread;

use nix::mount::{MntFlags, umount2};
use step03_handshake::Wishes;
use step05_server::{Handler, Session};

use crate::visitor::fresh_dir;

/// Serves `handler` in this process while `visit` runs.
pub fn serving<T>(handler: &dyn Handler, visit: impl FnOnce(&Path) -> T) -> T {
    let dir = fresh_dir("mnt");
    let session = Session::mount(&dir, "test", &[], None).unwrap();
    thread::scope(|scope| {
        let server = scope.spawn(|| session.serve(&Wishes::default(), handler));
        let seen = visit(&dir);
        umount2(&dir, MntFlags::MNT_DETACH).unwrap();
        server.join().unwrap().unwrap();
        seen
    })
}
