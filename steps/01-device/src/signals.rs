//! Ctrl-C unmounts.

use std::io;
use std::process;
use std::sync::Arc;
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use crate::mount::Mount;

/// The signals that ask a server to stop (SIGINT, SIGTERM, SIGHUP), held back until it is ready.
///
/// A signal handler may hardly do anything (signal-safety(7)), and a flag that it sets is seen too
/// late by a thread that is just about to block in `read(2)`. So there is no handler. The signals
/// are blocked, and a thread waits for them with `sigwait(3)`. When one comes it unmounts, as
/// anybody could from outside. The server's `read(2)` then reports ENODEV, and the server ends the
/// way it always ends.
#[derive(Debug)]
pub struct Signals(SigSet);

impl Signals {
    /// Blocks the signals in this thread and in each that it starts from now on.
    ///
    /// Call it before mounting and before starting threads: a signal that comes between is kept.
    pub fn block() -> io::Result<Signals> {
        let set: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        set.thread_block()?;
        Ok(Signals(set))
    }

    /// Starts the thread that waits. The first signal unmounts; a second ends the process at once.
    // ANCHOR: signals
    pub fn unmount(self, mount: &Mount) -> io::Result<()> {
        let point = Arc::clone(&mount.point);
        let wait = move || -> nix::Result<()> {
            self.0.wait()?;
            point.unmount();
            let second = self.0.wait()?;
            process::exit(128 + second as i32);
        };
        thread::Builder::new().name("signals".into()).spawn(wait)?;
        Ok(())
    }
    // ANCHOR_END: signals
}
