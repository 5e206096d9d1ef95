//! Ctrl-C: no QEMU survives, no directory stays.
//!
//! The handler kills the virtual machines. Whoever was reading from one then sees its end, returns
//! an error as always, and drops what it holds: so there is one way to clean up, not two.

use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

static REQUESTED: OnceLock<Instant> = OnceLock::new();
static MACHINES: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// From now on SIGINT, SIGTERM and SIGHUP stop what runs instead of ending us on the spot.
pub fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        // A second Ctrl-C ends us on the spot. One that follows at once is the same: timeout(1)
        // sends the signal to its child, and then to the whole group.
        let first = REQUESTED.get_or_init(Instant::now);
        if first.elapsed() > Duration::from_secs(1) {
            std::process::exit(130);
        }
        for machine in MACHINES.lock().unwrap_or_else(|e| e.into_inner()).drain(..) {
            let _ = kill(Pid::from_raw(machine as i32), Signal::SIGKILL);
        }
    })
    .context("cannot handle Ctrl-C")
}

/// Has someone asked us to stop?
pub fn requested() -> bool {
    REQUESTED.get().is_some()
}

/// A virtual machine by this process id is to be killed at Ctrl-C.
pub fn watch(machine: u32) {
    MACHINES.lock().unwrap_or_else(|e| e.into_inner()).push(machine);
}

/// It has ended, and its process id may soon be another's.
pub fn forget(machine: u32) {
    MACHINES.lock().unwrap_or_else(|e| e.into_inner()).retain(|pid| *pid != machine);
}
