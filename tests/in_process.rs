//! A file system that the test itself serves, and can look into.

use std::path::Path;
use std::thread;

use kernel_tests::is_mounted;
use nix::mount::{MntFlags, umount2};
use step03_handshake::Wishes;
use step05_server::{Handler, Session};

use crate::visitor::fresh_dir;

/// Serves `handler` in this process while `visit` runs.
pub fn serving<T>(handler: &dyn Handler, visit: impl FnOnce(&Path) -> T) -> T {
    serving_on(mounted(), handler, visit)
}

/// A mount of the test's own, for handlers that need its device.
pub fn mounted() -> Session {
    Session::mount(&fresh_dir("mnt"), "test", &[], None).unwrap()
}

/// As [`serving`], on a mount that is there already.
pub fn serving_on<T>(session: Session, handler: &dyn Handler, visit: impl FnOnce(&Path) -> T) -> T {
    let dir = session.path().to_owned();
    thread::scope(|scope| {
        let server = scope.spawn(|| session.serve(&Wishes::default(), handler));
        let seen = visit(&dir);
        // Unless that was the visit.
        if is_mounted(&dir).unwrap() {
            umount2(&dir, MntFlags::MNT_DETACH).unwrap();
        }
        server.join().unwrap().unwrap();
        seen
    })
}
