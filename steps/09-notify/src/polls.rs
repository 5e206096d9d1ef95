//! Who waits in poll(2).

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use step02_wire::abi::{PollFlags, PollIn};

use crate::notifier::Notifier;

/// The open files that somebody waits for: the kernel's handle of each, and ours.
///
/// One open file has one `kh`, however many wait for it: the kernel wakes them all.
#[derive(Debug, Default)]
pub struct Polls(Mutex<BTreeMap<u64, u64>>);

impl Polls {
    /// A POLL came. If its client is going to wait, it will be woken.
    ///
    /// Call this first and look whether the file is ready *afterwards*. The other way round, what happens
    /// in between wakes nobody.
    // ANCHOR: wait
    pub fn wait(&self, arg: &PollIn) {
        if arg.flags.contains(PollFlags::SCHEDULE_NOTIFY) {
            self.waiting().insert(arg.kh, arg.fh);
        }
    }
    // ANCHOR_END: wait

    /// The files are ready: wakes everybody, once. Who then still wants to wait asks POLL again.
    ///
    /// Never waits, so it may be called from anywhere. What the woken are to see must be true before.
    ///
    /// # Errors
    ///
    /// The first that the [`Notifier`] met. The others are woken all the same.
    // ANCHOR: wake
    pub fn wake(&self, kernel: &Notifier) -> io::Result<()> {
        let waiting = mem::take(&mut *self.waiting());
        let mut all = Ok(());
        for kh in waiting.into_keys() {
            all = all.and(kernel.poll(kh).map(drop));
        }
        all
    }
    // ANCHOR_END: wake

    /// The open file `fh` was released: nobody waits for it any more. For servers that give each open file a
    /// handle of its own.
    pub fn forget(&self, fh: u64) {
        self.waiting().retain(|_, waits_for| *waits_for != fh);
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
