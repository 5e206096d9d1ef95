//! A file system of naps: reading the file `5` takes five seconds.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use step02_wire::abi::*;
use step02_wire::{Dirents, Operation};
use step05_server::{Answer, Files, Filesystem, Handler, Owed, Request};
use step08_threads::Interrupts;

/// The directory, and those who sleep.
pub struct Naps {
    directory: Files<Directory>,
    sleepers: Arc<Sleepers>,
    interrupts: Arc<Interrupts>,
}

impl Naps {
    /// `interrupts` tells who is not to sleep any longer.
    pub fn new(interrupts: Arc<Interrupts>) -> Naps {
        let sleepers = Arc::new(Sleepers::default());
        let clock = Arc::clone(&sleepers);
        thread::spawn(move || clock.wake_each_in_time());
        Naps { directory: Files(Directory(AtomicU64::new(1))), sleepers, interrupts }
    }
}

// ANCHOR: naps
impl Handler for Naps {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        match &request.operation {
            // Nobody answers yet. This thread is free again.
            Operation::Read { arg } if arg.offset == 0 => {
                let unique = owed.unique();
                self.sleepers.add(seconds(request.header.nodeid), owed);
                let sleepers = Arc::clone(&self.sleepers);
                self.interrupts.on_interrupt(unique, move || sleepers.interrupt(unique));
            }
            _ => self.directory.handle(request, owed),
        }
    }
}
// ANCHOR_END: naps

/// What is owed, by when it is to be answered.
#[derive(Default)]
struct Sleepers {
    asleep: Mutex<BTreeMap<(Instant, u64), (u64, Owed)>>,
    changed: Condvar,
}

impl Sleepers {
    fn asleep(&self) -> MutexGuard<'_, BTreeMap<(Instant, u64), (u64, Owed)>> {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, seconds: u64, owed: Owed) {
        let wake = Instant::now() + Duration::from_secs(seconds);
        self.asleep().insert((wake, owed.unique()), (seconds, owed));
        self.changed.notify_one();
    }

    fn interrupt(&self, unique: u64) {
        let mut asleep = self.asleep();
        let key = asleep.keys().find(|(_, number)| *number == unique).copied();
        let woken = key.and_then(|key| asleep.remove(&key));
        drop(asleep);
        if let Some((_, owed)) = woken {
            owed.answer(Err(Errno::EINTR));
        }
    }

    fn wake_each_in_time(&self) {
        let mut asleep = self.asleep();
        loop {
            let now = Instant::now();
            match asleep.first_key_value().map(|((wake, _), _)| *wake) {
                Some(wake) if wake <= now => {
                    let woken = asleep.pop_first();
                    drop(asleep);
                    if let Some((_, (seconds, owed))) = woken {
                        let told = format!("{seconds} s are over\n");
                        owed.answer(Ok(Answer::from(told.into_bytes())));
                    }
                    asleep = self.asleep();
                }
                // A long time, where there is nothing to wait for.
                next => {
                    let patience = next.map_or(Duration::from_secs(3600), |wake| wake - now);
                    let waited = self.changed.wait_timeout(asleep, patience);
                    asleep = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

/// `0` to `3600` are there, though few are listed. Holds the next handle.
struct Directory(AtomicU64);

/// The node of the file `0`.
const FIRST: u64 = 2;
const MOST: u64 = 3600;
const LISTED: [&str; 4] = ["0", "1", "5", "60"];

fn seconds(node: u64) -> u64 {
    node.saturating_sub(FIRST)
}

fn attr(node: u64) -> Attr {
    let (mode, nlink) =
        if node == ROOT_ID { (libc::S_IFDIR | 0o555, 2) } else { (libc::S_IFREG | 0o666, 1) };
    Attr { ino: node, mode, nlink, ..Attr::default() }
}

impl Filesystem for Directory {
    fn lookup(&self, _: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        let number = name.to_str().and_then(|name| name.parse::<u64>().ok()).filter(|n| *n <= MOST);
        let nodeid = FIRST + number.ok_or(Errno::ENOENT)?;
        Ok(EntryOut {
            nodeid,
            attr: attr(nodeid),
            attr_valid: 3600,
            entry_valid: 3600,
            ..EntryOut::default()
        })
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        Ok(AttrOut { attr: attr(header.nodeid), attr_valid: 3600, ..AttrOut::default() })
    }

    // ANCHOR: open
    fn open(&self, _: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        // A handle of its own for each, since its locks go with it. And DIRECT_IO: the kernel interrupts
        // nobody who waits for its cache to be filled.
        let fh = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(OpenOut { fh, open_flags: OpenReplyFlags::DIRECT_IO, ..OpenOut::default() })
    }
    // ANCHOR_END: open

    fn read(&self, _: &InHeader, _: &ReadIn) -> Result<step05_server::Data, Errno> {
        Ok(step05_server::Data::Bytes(Vec::new()))
    }

    fn readdir(&self, _: &InHeader, arg: &ReadIn, listing: &mut Dirents) -> Result<(), Errno> {
        let naps =
            LISTED.map(|name| (FIRST + name.parse::<u64>().unwrap_or(0), libc::DT_REG, name));
        let dots = [(ROOT_ID, libc::DT_DIR, "."), (ROOT_ID, libc::DT_DIR, "..")];
        let entries = dots.into_iter().chain(naps).zip(1..);
        for ((node, kind, name), next) in entries.skip(arg.offset.try_into().unwrap_or(usize::MAX))
        {
            if !listing.push(node, next, kind.into(), OsStr::new(name)) {
                break;
            }
        }
        Ok(())
    }
}
