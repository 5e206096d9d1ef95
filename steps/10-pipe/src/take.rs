//! From a descriptor into a pipe, and why it stopped.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// What a source gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// So many bytes are in the pipe now.
    pub bytes: usize,
    /// And why no more.
    pub stop: Stop,
}

/// Why a source gave no more. To mistake one for the other cuts files short, or waits for ever.
// ANCHOR: stop
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It was all that was asked for.
    Enough,
    /// The file ends here; the peer has closed.
    EndOfData,
    /// No slot is free. The source has more.
    PipeFull,
    /// A stream has nothing at the moment.
    SourceEmpty,
    /// The source cannot be read, or cannot be spliced (EINVAL).
    SourceError(Errno),
}
// ANCHOR_END: stop

// ANCHOR: take
pub(crate) fn take(
    source: BorrowedFd<'_>,
    offset: Option<u64>,
    len: usize,
    pipe: BorrowedFd<'_>,
) -> Taken {
    let mut bytes = 0;
    let stop = loop {
        if bytes == len {
            break Stop::Enough;
        }
        if offset.is_none() && !has_something(source, bytes == 0) {
            break Stop::SourceEmpty;
        }
        match once(source, offset, bytes, len, pipe) {
            Ok(0) => break Stop::EndOfData,
            Ok(count) => bytes += count,
            Err(Errno::EINTR) => {}
            // One errno for two reasons: the pipe has no slot, or the source has no byte.
            Err(Errno::EAGAIN) if ready(pipe, PollFlags::POLLOUT, PollTimeout::ZERO) => {
                break Stop::SourceEmpty;
            }
            Err(Errno::EAGAIN) => break Stop::PipeFull,
            Err(errno) => break Stop::SourceError(errno),
        }
    };
    Taken { bytes, stop }
}
// ANCHOR_END: take

/// One `splice(2)`, for those of the `len` bytes that are not yet `done`. Returns how many came. A file is read
/// at `offset`, or as far behind it as is done; a stream, which has no offset, where it is.
///
/// It waits for nothing: the pipe is non-blocking, and that is enough.
///
/// # Errors
///
/// EINVAL: the place in the file is more than an `i64` holds. Otherwise what splice(2) says, EINTR and EAGAIN
/// too.
fn once(
    source: BorrowedFd<'_>,
    offset: Option<u64>,
    done: usize,
    len: usize,
    pipe: BorrowedFd<'_>,
) -> Result<usize, Errno> {
    // EXERCISE: 10.3
    let flags = SpliceFFlags::empty();
    let Some(offset) = offset else {
        return splice(source, None, pipe, None, len - done, flags);
    };
    let at = offset.checked_add(done as u64).and_then(|at| libc::loff_t::try_from(at).ok());
    splice(source, Some(&mut at.ok_or(Errno::EINVAL)?), pipe, None, len - done, flags)
    // EXERCISE_END: 10.3
}

/// Has a stream something for us: bytes, or its end? For the `first` bytes of a blocking one we wait.
fn has_something(source: BorrowedFd<'_>, first: bool) -> bool {
    let blocking = || {
        let flags = fcntl(source, FcntlArg::F_GETFL).map(OFlag::from_bits_retain);
        flags.is_ok_and(|flags| !flags.contains(OFlag::O_NONBLOCK))
    };
    let patience = if first && blocking() { PollTimeout::NONE } else { PollTimeout::ZERO };
    ready(source, PollFlags::POLLIN, patience)
}

/// A descriptor that cannot be polled is always ready: it will say so itself.
fn ready(fd: BorrowedFd<'_>, what: PollFlags, patience: PollTimeout) -> bool {
    let mut polled = [PollFd::new(fd, what)];
    loop {
        match poll(&mut polled, patience) {
            Err(Errno::EINTR) => {}
            Ok(0) => return false,
            _ => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write, pipe};
    use std::os::fd::AsFd;

    /// What one splice takes of `0123456789`, where 3 of 5 bytes are done.
    fn taken(source: BorrowedFd<'_>, offset: Option<u64>) -> String {
        let (mut reader, writer) = pipe().unwrap();
        let count = once(source, offset, 3, 5, writer.as_fd()).unwrap();
        drop(writer);
        let mut taken = String::new();
        reader.read_to_string(&mut taken).unwrap();
        assert_eq!(count, taken.len());
        taken
    }

    #[test]
    fn what_is_done_is_not_taken_once_more() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        assert_eq!(taken(file.as_fd(), Some(1)), "45", "of a file, from byte 1 on");
        let (stream, mut peer) = pipe().unwrap();
        peer.write_all(b"0123456789").unwrap();
        assert_eq!(taken(stream.as_fd(), None), "01", "a stream goes on by itself");
    }
}
