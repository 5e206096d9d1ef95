//! A pipe, with its state in its type.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice, tee, vmsplice};
use nix::libc;
use nix::unistd::{pipe2, read, write};

use crate::PAGE;
use crate::slot::Slot;
use crate::take::{self, Taken};

// ANCHOR: pipe
/// A pipe, and both its ends. Dropping it throws away what is in it.
///
/// It is non-blocking: a full pipe, or an empty one, is an answer and never a wait. For nobody else
/// has an end of it.
#[derive(Debug)]
pub struct Pipe<State> {
    reader: OwnedFd,
    writer: OwnedFd,
    state: State,
}

/// Nothing is in it.
#[derive(Debug)]
pub struct Empty;

/// Something is in it: so many bytes.
#[derive(Debug)]
pub struct Holding(usize);
// ANCHOR_END: pipe

impl<State> Pipe<State> {
    /// How many bytes it can hold, if each slot refers to a full page: `F_GETPIPE_SZ`, in bytes.
    pub fn capacity(&self) -> io::Result<usize> {
        Ok(fcntl(&self.writer, FcntlArg::F_GETPIPE_SZ)? as usize)
    }

    /// How many slots it has. That is the true limit: a slot with one byte is as full as one with 4096.
    pub fn slots(&self) -> io::Result<usize> {
        Ok(self.capacity()? / PAGE)
    }

    fn with<Next>(self, state: Next) -> Pipe<Next> {
        Pipe { reader: self.reader, writer: self.writer, state }
    }
}

impl Pipe<Empty> {
    /// A new one: `pipe2(O_CLOEXEC | O_NONBLOCK)`. It has 16 slots; or 2, where this user has very many
    /// pipes already and no privilege (pipe(7), `/proc/sys/fs/pipe-user-pages-soft`).
    pub fn new() -> io::Result<Pipe<Empty>> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Pipe { reader, writer, state: Empty })
    }

    /// Asks for room for so many bytes, and returns how much there is then: `F_SETPIPE_SZ`. The kernel
    /// rounds up to a power of two.
    ///
    /// # Errors
    ///
    /// EPERM: more than `/proc/sys/fs/pipe-max-size`, or the user's limit is reached. The pipe is as it
    /// was, and good.
    pub fn grow(&mut self, bytes: usize) -> io::Result<usize> {
        let bytes = libc::c_int::try_from(bytes).map_err(|_| Errno::EINVAL)?;
        Ok(fcntl(&self.writer, FcntlArg::F_SETPIPE_SZ(bytes))? as usize)
    }

    /// Puts a copy of these bytes in, all of them: one `write(2)`.
    ///
    /// # Errors
    ///
    /// EAGAIN: they do not fit, or not all of them. Otherwise what write(2) says. The pipe is gone, whatever
    /// was in it.
    pub fn write(self, bytes: &[u8]) -> io::Result<Pipe<Holding>> {
        // EXERCISE: 10.1
        match write(&self.writer, bytes)? {
            all if all == bytes.len() => Ok(self.with(Holding(all))),
            _ => Err(Errno::EAGAIN.into()),
        }
        // EXERCISE_END: 10.1
    }

    /// Puts a slot's memory in, by reference: `vmsplice(2)`. What is written to the slot from now on
    /// changes what is in the pipe. ([`probe_vmsplice`](crate::probe_vmsplice) tells whether this is so.)
    // ANCHOR: refer
    pub fn refer_to(self, slot: &Slot) -> io::Result<Pipe<Holding>> {
        let bytes = slot.bytes();
        match vmsplice(&self.writer, &[IoSlice::new(bytes)], SpliceFFlags::empty())? {
            all if all == bytes.len() => Ok(self.with(Holding(all))),
            _ => Err(Errno::EAGAIN.into()),
        }
    }
    // ANCHOR_END: refer

    /// Takes from a descriptor as [`Pipe::take`] does. Whatever came, the pipe is now to be emptied.
    pub fn take(
        self,
        source: BorrowedFd<'_>,
        offset: Option<u64>,
        len: usize,
    ) -> (Pipe<Holding>, Taken) {
        let mut pipe = self.with(Holding(0));
        let taken = pipe.take(source, offset, len);
        (pipe, taken)
    }

    /// One `splice(2)` from a descriptor whose messages must not be cut or joined: /dev/fuse. `len` is the
    /// room for a message, like the size of the buffer in read(2). What has come is in the pipe that is
    /// returned.
    ///
    /// # Errors
    ///
    /// Whatever the source says, EINTR too. Nothing has come then, and the pipe is still empty: here it is
    /// back.
    pub fn receive(
        self,
        source: BorrowedFd<'_>,
        len: usize,
    ) -> Result<Pipe<Holding>, (Pipe<Empty>, Errno)> {
        // EXERCISE: 10.2
        match splice(source, None, &self.writer, None, len, SpliceFFlags::empty()) {
            Ok(length) => Ok(self.with(Holding(length))),
            Err(errno) => Err((self, errno)),
        }
        // EXERCISE_END: 10.2
    }
}

impl Pipe<Holding> {
    /// How many bytes are in it, as we count.
    pub fn len(&self) -> usize {
        self.state.0
    }

    /// Holds it no byte after all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes are in it, as the kernel counts: `FIONREAD`.
    pub fn counted(&self) -> io::Result<usize> {
        let mut bytes: libc::c_int = 0;
        // SAFETY: FIONREAD writes one int (ioctl_pipe, `pipe_ioctl` in fs/pipe.c), and `bytes` outlives
        // the call.
        Errno::result(unsafe { libc::ioctl(self.reader.as_raw_fd(), libc::FIONREAD, &mut bytes) })?;
        Ok(bytes as usize)
    }

    /// Takes up to `len` bytes from a descriptor, without looking at them: `splice(2)`, as often as it
    /// takes. [`Taken`] says how many came, and why no more.
    ///
    /// `offset`: where in a file or a block device; `None`: from a stream. A stream gives what it has.
    /// If it has nothing, and is a blocking one, this waits for the first bytes and no longer.
    pub fn take(&mut self, source: BorrowedFd<'_>, offset: Option<u64>, len: usize) -> Taken {
        let taken = take::take(source, offset, len, self.writer.as_fd());
        self.state.0 += taken.bytes;
        taken
    }

    /// Gives all of it away in one single `splice(2)`: one whole message.
    ///
    /// # Errors
    ///
    /// As the target says. What is left in the pipe then is for [`Pipe::counted`] to tell.
    // ANCHOR: give
    pub fn give(
        self,
        target: BorrowedFd<'_>,
        flags: SpliceFFlags,
    ) -> Result<Pipe<Empty>, (Pipe<Holding>, Errno)> {
        match splice(&self.reader, None, target, None, self.len(), flags) {
            Ok(all) if all == self.len() => Ok(self.with(Empty)),
            // A message that went in parts is no message.
            Ok(part) => {
                let left = self.len() - part;
                Err((self.with(Holding(left)), Errno::EMSGSIZE))
            }
            Err(errno) => Err((self, errno)),
        }
    }
    // ANCHOR_END: give

    /// Moves up to `len` bytes to a place in a file: one `splice(2)`. Returns how many went. `len` may be more
    /// than the pipe holds.
    ///
    /// # Errors
    ///
    /// EFBIG: the offset is more than an `i64` holds. Otherwise as the target says. Nothing has gone then.
    pub fn give_some(
        &mut self,
        target: BorrowedFd<'_>,
        offset: u64,
        len: usize,
    ) -> Result<usize, Errno> {
        // EXERCISE: 10.4
        let mut offset = libc::loff_t::try_from(offset).map_err(|_| Errno::EFBIG)?;
        let len = len.min(self.len());
        let given =
            splice(&self.reader, None, target, Some(&mut offset), len, SpliceFFlags::empty())?;
        self.state.0 -= given;
        Ok(given)
        // EXERCISE_END: 10.4
    }

    /// Moves all of it behind what another pipe holds; no page is copied.
    ///
    /// # Errors
    ///
    /// EAGAIN: the other has too few slots. What is left is still here, the rest is there.
    pub fn pour_into(
        mut self,
        other: &mut Pipe<Holding>,
    ) -> Result<Pipe<Empty>, (Pipe<Holding>, Errno)> {
        while !self.is_empty() {
            let flags = SpliceFFlags::SPLICE_F_NONBLOCK;
            match splice(&self.reader, None, &other.writer, None, self.len(), flags) {
                Ok(moved) => {
                    self.state.0 -= moved;
                    other.state.0 += moved;
                }
                Err(errno) => return Err((self, errno)),
            }
        }
        Ok(self.with(Empty))
    }

    /// Puts the same pages into another pipe as well: `tee(2)`. Returns how many bytes those are.
    pub fn share_with(&self, other: Pipe<Empty>) -> io::Result<Pipe<Holding>> {
        let flags = SpliceFFlags::SPLICE_F_NONBLOCK;
        let shared = tee(&self.reader, &other.writer, self.len(), flags)?;
        Ok(other.with(Holding(shared)))
    }

    /// Reads the next bytes: `read(2)`. It fills the buffer, as far as the pipe holds so much.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() && !self.is_empty() {
            let count = read(&self.reader, &mut buffer[filled..])?;
            if count == 0 {
                break;
            }
            filled += count;
            self.state.0 -= count;
        }
        Ok(filled)
    }

    /// Reads all of it.
    pub fn read_all(mut self) -> io::Result<(Vec<u8>, Pipe<Empty>)> {
        let mut bytes = vec![0; self.len()];
        let filled = self.read(&mut bytes)?;
        bytes.truncate(filled);
        Ok((bytes, self.with(Empty)))
    }

    /// The pipe, if nothing is left in it.
    pub fn emptied(self) -> Option<Pipe<Empty>> {
        self.is_empty().then(|| self.with(Empty))
    }
}
