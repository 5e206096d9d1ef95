//! One whole message in a pipe: a header, and behind it the data.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use step02_wire::abi::{OutHeader, WireStruct};
use step10_pipe::{Holding, PAGE, Pipe, SLOT_SIZE, Slot, Stop, Taken};
use zerocopy::IntoBytes;

use crate::counts::Reason;
use crate::lanes::{Lane, new_pipe};
use crate::strategy::Strategy;

/// Where the data are, and how many are wanted at most.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub fd: BorrowedFd<'a>,
    /// None: a stream. What was taken from it is nowhere else.
    pub offset: Option<u64>,
    pub len: usize,
}

/// What came of it.
pub enum Assembled {
    /// A message, with the header that it has.
    Message { pipe: Pipe<Holding>, slot: Slot, header: [u8; SLOT_SIZE] },
    /// Nothing was taken from the source. Copy.
    Not(Reason),
    /// The source says no: that is the answer.
    Refused(Errno),
}

/// The header of the answer to `unique`, with so many bytes of data.
pub fn header(unique: u64, data: usize) -> [u8; SLOT_SIZE] {
    let header = OutHeader { len: (OutHeader::SIZE + data) as u32, error: 0, unique };
    let mut bytes = [0; SLOT_SIZE];
    bytes.copy_from_slice(header.as_bytes());
    bytes
}

/// Builds the answer to `unique` in the lane's pipe.
// ANCHOR: assemble
pub fn assemble(lane: Lane, strategy: Strategy, unique: u64, source: Source<'_>) -> Assembled {
    let Lane { pipe, mut slot, .. } = lane;
    let announced = header(unique, source.len);
    slot.set(&announced);
    let begun = match strategy {
        Strategy::Patch => pipe.refer_to(&slot),
        _ => pipe.write(&announced),
    };
    let Ok(mut pipe) = begun else { return Assembled::Not(Reason::NoHeader) };
    let taken = pipe.take(source.fd, source.offset, source.len);
    if let Some(other) = no_message(taken, source) {
        return other;
    }
    if taken.bytes == source.len {
        return Assembled::Message { pipe, slot, header: announced };
    }
    let header = header(unique, taken.bytes);
    slot.set(&header);
    match strategy {
        // The pipe refers to it: it is changed already.
        Strategy::Patch => Assembled::Message { pipe, slot, header },
        _ => match behind_a_new_header(pipe, &header) {
            Ok(pipe) => Assembled::Message { pipe, slot, header },
            Err(_) => Assembled::Not(Reason::NoPipe),
        },
    }
}
// ANCHOR_END: assemble

/// Four reasons to fall short, and what each means.
// ANCHOR: short
fn no_message(taken: Taken, source: Source<'_>) -> Option<Assembled> {
    let is_stream = source.offset.is_none();
    match taken.stop {
        Stop::Enough | Stop::EndOfData => None,
        // A stream gives what it has, and the kernel asks again. These bytes are nowhere else.
        _ if is_stream && taken.bytes > 0 => None,
        // A file has more, and a short answer would be its end. It can be read once more.
        Stop::PipeFull => Some(Assembled::Not(Reason::PipeTooSmall)),
        Stop::SourceEmpty if is_stream => Some(Assembled::Refused(Errno::EAGAIN)),
        Stop::SourceEmpty => Some(Assembled::Not(Reason::Source)),
        // Not every file can be spliced (EINVAL), and splice may be forbidden (EPERM, ENOSYS).
        Stop::SourceError(Errno::EINVAL | Errno::EPERM | Errno::ENOSYS) => {
            Some(Assembled::Not(Reason::Source))
        }
        Stop::SourceError(errno) => Some(Assembled::Refused(errno)),
    }
}
// ANCHOR_END: short

/// The old header is read out, and what is left moves behind the new one.
// ANCHOR: second
fn behind_a_new_header(
    mut old: Pipe<Holding>,
    header: &[u8; SLOT_SIZE],
) -> io::Result<Pipe<Holding>> {
    old.read(&mut [0; SLOT_SIZE])?;
    // As many slots as the first has: pieces of pages stay pieces.
    let room = old.capacity()?.max(2 * PAGE);
    let mut new = new_pipe(room)?.write(header)?;
    old.pour_into(&mut new)?;
    Ok(new)
}
// ANCHOR_END: second
