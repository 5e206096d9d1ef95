//! A file system that the test itself serves, and can look into.

use std::path::Path;
use std::thread;

use kernel_tests::is_mounted;
use nix::mount::{MntFlags, umount2};
use step03_handshake::Wishes;
use step05_server::{Handler, ServeError, Session};

use crate::visitor::{fresh_dir, given_server};

/// Serves `handler` in this process while `visit` runs.
pub fn serving<T>(handler: &dyn Handler, visit: impl FnOnce(&Path) -> T) -> T {
    serving_on(mounted(), handler, visit)
}

/// A mount of the test's own, for handlers that need its device.
pub fn mounted() -> Session {
    assert_eq!(
        given_server(),
        None,
        "this test serves by itself: it does not belong in any_server"
    );
    Session::mount(&fresh_dir("mnt"), "test", &[], None).unwrap()
}

/// As [`serving`], on a mount that is there already.
pub fn serving_on<T>(session: Session, handler: &dyn Handler, visit: impl FnOnce(&Path) -> T) -> T {
    let dir = session.path().to_owned();
    while_served(&dir, || session.serve(&Wishes::default(), handler), visit)
}

/// Runs `visit` while `serve` serves what is mounted on `dir`, in whichever way.
pub fn while_served<T>(
    dir: &Path,
    serve: impl FnOnce() -> Result<(), ServeError> + Send,
    visit: impl FnOnce(&Path) -> T,
) -> T {
    thread::scope(|scope| {
        let server = scope.spawn(serve);
        let unmount = Unmount(dir);
        let seen = visit(dir);
        drop(unmount);
        server.join().unwrap().unwrap();
        seen
    })
}

/// Unmounts at the end of a visit, also of one that fails: else nobody would hear of that.
struct Unmount<'a>(&'a Path);

impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = umount2(self.0, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
        } else if is_mounted(self.0).unwrap() {
            umount2(self.0, MntFlags::MNT_DETACH).unwrap();
        }
    }
}
