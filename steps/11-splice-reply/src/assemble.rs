//! One whole message in a pipe: a header, and behind it the data.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use step02_wire::abi::{OutHeader, WireStruct};
use step10_pipe::{Empty, Holding, PAGE, Pipe, SLOT_SIZE, Slot, Stop, Taken};
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
    Message { pipe: Pipe<Holding>, slot: Slot, slots: usize, header: [u8; SLOT_SIZE] },
    /// Nothing was taken from the source. Copy.
    Not(Reason),
    /// The data had to be read back: they are nowhere else.
    InMemory(Vec<u8>),
    /// The source says no: that is the answer.
    Refused(Errno),
}

/// The header of the answer to `unique`: no error, and so many bytes of data behind it. Its length counts the
/// header, too.
pub fn header(unique: u64, data: usize) -> [u8; SLOT_SIZE] {
    // EXERCISE: 11.1
    let header = OutHeader { len: (OutHeader::SIZE + data) as u32, error: 0, unique };
    let mut bytes = [0; SLOT_SIZE];
    bytes.copy_from_slice(header.as_bytes());
    bytes
    // EXERCISE_END: 11.1
}

/// Builds the answer to `unique` in the lane's pipe.
// ANCHOR: assemble
pub fn assemble(lane: Lane, strategy: Strategy, unique: u64, source: Source<'_>) -> Assembled {
    let Lane { pipe, mut slot, slots } = lane;
    let room = slots * PAGE;
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
        return Assembled::Message { pipe, slot, slots, header: announced };
    }
    let header = header(unique, taken.bytes);
    slot.set(&header);
    match strategy {
        // The pipe refers to it: it is changed already.
        Strategy::Patch => Assembled::Message { pipe, slot, slots, header },
        _ => match behind_a_new_header(pipe, new_pipe(room), &header) {
            Ok(Ok(pipe)) => {
                // It may have fewer than the first, if limits were reached meanwhile.
                let slots = pipe.slots().unwrap_or(0);
                Assembled::Message { pipe, slot, slots, header }
            }
            Ok(Err(data)) => Assembled::InMemory(data),
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

/// The old header is read out, and what is left moves behind the new one. `Ok(Err(_))`: it could not be
/// moved, and was read back.
// ANCHOR: second
fn behind_a_new_header(
    mut old: Pipe<Holding>,
    new: io::Result<Pipe<Empty>>,
    header: &[u8; SLOT_SIZE],
) -> io::Result<Result<Pipe<Holding>, Vec<u8>>> {
    old.read(&mut [0; SLOT_SIZE])?;
    let Ok(mut new) = new.and_then(|new| new.write(header)) else {
        return Ok(Err(old.read_all()?.0));
    };
    match old.pour_into(&mut new) {
        Ok(_) => Ok(Ok(new)),
        Err((old, _)) => {
            let (mut moved, _) = new.read_all()?;
            moved.extend(old.read_all()?.0);
            Ok(Err(moved.split_off(SLOT_SIZE)))
        }
    }
}
// ANCHOR_END: second

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsFd;

    #[test]
    fn a_header_counts_itself() {
        let expected = *b"\x74\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0";
        assert_eq!(header(7, 100), expected, "length (116), errno and unique (7), for 100 bytes");
    }

    #[test]
    fn what_cannot_be_moved_behind_a_new_header_is_read_back() {
        let mut file: File = tempfile::tempfile().unwrap();
        let content: Vec<u8> = (0..5 * PAGE).map(|n| (n / 7) as u8).collect();
        file.write_all(&content).unwrap();
        let small = |slots: usize| {
            let mut pipe = Pipe::new()?;
            pipe.grow(slots * PAGE)?;
            Ok(pipe)
        };
        let tried = |new| {
            let mut old = Pipe::new().unwrap().write(&[1; SLOT_SIZE]).unwrap();
            assert_eq!(old.take(file.as_fd(), Some(0), 5 * PAGE).stop, Stop::Enough);
            behind_a_new_header(old, new, &[2; SLOT_SIZE]).unwrap()
        };
        for too_small in [Err(Errno::EMFILE.into()), small(1), small(2)] {
            assert_eq!(tried(too_small).unwrap_err(), content);
        }
        let (message, _) = tried(small(8)).unwrap().read_all().unwrap();
        assert_eq!(message, [&[2; SLOT_SIZE][..], &content].concat());
    }
}
