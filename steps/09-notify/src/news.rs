//! A file system that changes by itself.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::errno::Errno;
use nix::libc;
use step02_wire::Dirents;
use step02_wire::abi::*;
use step05_server::{Data, Filesystem};

use crate::command::Command;
use crate::polls::Polls;
use crate::queue::Queue;

/// The file that changes.
const NEWS: u64 = 2;
/// The file that is there after each change with an odd number.
const FLASH: u64 = 3;
/// For how long the kernel may believe what we say, in seconds. We take it back when it is not true any more.
const VALID: u64 = 3600;
/// Changes come no faster by themselves.
const FASTEST: Duration = Duration::from_millis(1);

/// Two files: `news`, which changes, and `flash`, which comes and goes with it.
///
/// The kernel may keep all it is told for an hour: attributes, data, that a name exists, that it does not.
#[derive(Debug)]
pub struct News {
    shared: Arc<Shared>,
    /// `None`: the kernel is told nothing.
    queue: Option<Queue>,
}

/// What the courier needs as well.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The clock's thread waits here: for a new interval, or for the end.
    clock: Condvar,
    polls: Polls,
}

#[derive(Debug)]
struct State {
    /// How many changes there were.
    number: u64,
    /// Of how many of them the kernel knows.
    told: u64,
    /// When the last one came.
    changed: SystemTime,
    /// Zero: never by itself.
    every: Duration,
    over: bool,
    /// Each open `news`: up to which change its clients were told of them.
    open: BTreeMap<u64, u64>,
    next_handle: u64,
}

impl News {
    /// The first news is number 0. The kernel will be told through `queue`, if there is one. See
    /// [`News::change_by_itself`] for `every`.
    pub fn new(queue: Option<Queue>, every: Duration) -> News {
        let state = State {
            number: 0,
            told: 0,
            changed: SystemTime::now(),
            every: at_least_the_fastest(every),
            over: false,
            open: BTreeMap::new(),
            next_handle: 1,
        };
        let (clock, polls) = (Condvar::new(), Polls::default());
        News { shared: Arc::new(Shared { state: Mutex::new(state), clock, polls }), queue }
    }

    /// How many changes there were.
    pub fn changes(&self) -> u64 {
        self.shared.state().number
    }

    /// Changes, and has the kernel told of it. Returns at once, so an operation may call it, too.
    // ANCHOR: change
    pub fn change(&self) {
        let number = self.shared.state().change();
        let shared = Arc::clone(&self.shared);
        let Some(queue) = &self.queue else { return };
        queue.put(move |kernel| {
            kernel.inval_inode(NEWS, 0, 0)?;
            kernel.inval_entry(ROOT_ID, OsStr::new("flash"))?;
            kernel.inval_attributes(ROOT_ID)?;
            // Only now: whoever hears of the change, and reads, must not find the old news in a cache.
            shared.state().told = number;
            shared.polls.wake(kernel)
        });
    }
    // ANCHOR_END: change

    /// The clock: changes every so often, until [`News::end`]. For a thread of its own.
    pub fn change_by_itself(&self) {
        while self.shared.time_has_come() {
            self.change();
        }
    }

    /// Stops the clock.
    pub fn end(&self) {
        self.shared.state().over = true;
        self.shared.clock.notify_all();
    }

    fn obey(&self, command: Command) -> Vec<u8> {
        match command {
            Command::Count => return self.changes().to_ne_bytes().to_vec(),
            Command::Every(milliseconds) => {
                let every = Duration::from_millis(milliseconds.into());
                self.shared.state().every = at_least_the_fastest(every);
                self.shared.clock.notify_all();
            }
            Command::Now => self.change(),
        }
        Vec::new()
    }
}

fn at_least_the_fastest(every: Duration) -> Duration {
    if every.is_zero() { every } else { every.max(FASTEST) }
}

impl Shared {
    /// Waits for the next tick; `false` when it is over, at once.
    ///
    /// A tick comes when the interval has passed, and never if that is zero. A new interval counts from where
    /// it was set: what was waited for before is no tick any more.
    fn time_has_come(&self) -> bool {
        // EXERCISE: 09.3
        let mut state = self.state();
        while !state.over {
            let every = state.every;
            let timeout = if every.is_zero() { Duration::MAX } else { every };
            let waited = self.clock.wait_timeout(state, timeout);
            let (woken, result) = waited.unwrap_or_else(PoisonError::into_inner);
            state = woken;
            // A new interval counts from where it was set.
            if result.timed_out() && state.every == every {
                break;
            }
        }
        !state.over
        // EXERCISE_END: 09.3
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self) -> u64 {
        self.number += 1;
        self.changed = SystemTime::now();
        self.number
    }

    fn flashes(&self) -> bool {
        self.number % 2 == 1
    }

    /// What a file says.
    fn text(&self, node: u64) -> Vec<u8> {
        match node {
            // All of one size: when the size is another, the kernel drops the data by itself.
            NEWS => format!("This is news number {:04}.\n", self.number).into_bytes(),
            _ => b"It was on the radio!\n".to_vec(),
        }
    }

    fn attributes(&self, node: u64) -> Attr {
        let (mode, nlink, size) = match node {
            ROOT_ID => (libc::S_IFDIR | 0o555, 2, 0),
            FLASH if !self.flashes() => (libc::S_IFREG | 0o444, 0, self.text(FLASH).len()),
            _ => (libc::S_IFREG | 0o444, 1, self.text(node).len()),
        };
        let since = self.changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, nanoseconds) = (since.as_secs(), since.subsec_nanos());
        Attr {
            ino: node,
            mode,
            nlink,
            size: size as u64,
            blocks: size.div_ceil(512) as u64,
            atime: seconds,
            mtime: seconds,
            ctime: seconds,
            atimensec: nanoseconds,
            mtimensec: nanoseconds,
            ctimensec: nanoseconds,
            ..Attr::default()
        }
    }
}

impl Filesystem for News {
    // ANCHOR: lookup
    fn lookup(&self, header: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        let state = self.shared.state();
        let nodeid = match name.as_encoded_bytes() {
            b"news" if header.nodeid == ROOT_ID => NEWS,
            b"flash" if header.nodeid == ROOT_ID && state.flashes() => FLASH,
            // Node 0 is no error: it says that there is no such name, and that the kernel may believe it.
            b"flash" if header.nodeid == ROOT_ID => {
                return Ok(EntryOut { entry_valid: VALID, ..EntryOut::default() });
            }
            _ => return Err(Errno::ENOENT),
        };
        let attr = state.attributes(nodeid);
        let (entry_valid, attr_valid) = (VALID, VALID);
        Ok(EntryOut { nodeid, entry_valid, attr_valid, attr, ..EntryOut::default() })
    }
    // ANCHOR_END: lookup

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let attr = self.shared.state().attributes(header.nodeid);
        Ok(AttrOut { attr_valid: VALID, attr, ..AttrOut::default() })
    }

    /// Opens `news` or `flash`, for reading. The kernel may keep what it has cached of the file (KEEP_CACHE).
    ///
    /// An open `news` gets a handle of its own, 1, 2, 3 …, and counts as told of each change that the kernel
    /// knows of by now: of the next one it has still to hear. An open `flash` needs none: 0.
    ///
    /// # Errors
    ///
    /// EROFS: it is to be opened for anything but reading alone.
    fn open(&self, header: &InHeader, arg: &OpenIn) -> Result<OpenOut, Errno> {
        // EXERCISE: 09.1
        if arg.flags & libc::O_ACCMODE as u32 != libc::O_RDONLY as u32 {
            return Err(Errno::EROFS);
        }
        // What another open file has cached is as good as what we would say.
        let mut open = OpenOut { open_flags: OpenReplyFlags::KEEP_CACHE, ..OpenOut::default() };
        if header.nodeid == NEWS {
            let state = &mut *self.shared.state();
            open.fh = state.next_handle;
            state.next_handle += 1;
            state.open.insert(open.fh, state.told);
        }
        Ok(open)
        // EXERCISE_END: 09.1
    }

    fn read(&self, header: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        let text = self.shared.state().text(header.nodeid);
        let from_offset = text.into_iter().skip(arg.offset.try_into().unwrap_or(usize::MAX));
        Ok(Data::Bytes(from_offset.take(arg.size as usize).collect()))
    }

    // ANCHOR: poll
    fn poll(&self, header: &InHeader, arg: &PollIn) -> Result<u32, Errno> {
        let always = (libc::POLLIN | libc::POLLRDNORM) as u32;
        if header.nodeid != NEWS {
            return Ok(always);
        }
        self.shared.polls.wait(arg);
        let state = &mut *self.shared.state();
        let heard = state.open.get_mut(&arg.fh).ok_or(Errno::EBADF)?;
        // Each change is told once to each open file. Who has read it we cannot know: from a cache.
        Ok(if std::mem::replace(heard, state.told) < state.told { always } else { 0 })
    }
    // ANCHOR_END: poll

    // ANCHOR: ioctl
    fn ioctl(
        &self,
        header: &InHeader,
        arg: &IoctlIn,
        data: &[u8],
    ) -> Result<(IoctlOut, Vec<u8>), Errno> {
        if header.nodeid != NEWS {
            return Err(Errno::ENOTTY);
        }
        let answer = self.obey(Command::of(arg, data)?);
        Ok((IoctlOut::default(), answer))
    }
    // ANCHOR_END: ioctl

    /// Of an open `news` nothing stays: nobody waits for it any more, and its handle is none. Of an open
    /// `flash` there was nothing. It never fails.
    fn release(&self, header: &InHeader, arg: &ReleaseIn) -> Result<(), Errno> {
        // EXERCISE: 09.2
        if header.nodeid == NEWS {
            self.shared.polls.forget(arg.fh);
            self.shared.state().open.remove(&arg.fh);
        }
        Ok(())
        // EXERCISE_END: 09.2
    }

    fn readdir(&self, _: &InHeader, arg: &ReadIn, listing: &mut Dirents) -> Result<(), Errno> {
        let state = self.shared.state();
        let names = [(ROOT_ID, "."), (ROOT_ID, ".."), (NEWS, "news"), (FLASH, "flash")];
        let there =
            names.into_iter().zip(1..).filter(|((node, _), _)| *node != FLASH || state.flashes());
        for ((node, name), next) in there.skip_while(|(_, next)| *next <= arg.offset) {
            if !listing.push(node, next, state.attributes(node).mode >> 12, OsStr::new(name)) {
                break;
            }
        }
        Ok(())
    }
}
