//! The way out.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::uio::pread;
use nix::unistd::read;
use step02_wire::encode;
use step03_handshake::TracedDevice;

use crate::answer::{Answer, Data};

/// Takes answers to the kernel. Step 11 has another.
// ANCHOR: path
pub trait ReplyPath: Send + Sync {
    /// Sends the one answer to the request `unique`.
    ///
    /// `Ok` also when nobody wants it any more. After an error the request may still be waiting: the
    /// caller then sends an error instead ([`Owed`](crate::Owed) does).
    fn send(&self, unique: u64, reply: Result<&Answer, Errno>) -> io::Result<()>;
}
// ANCHOR_END: path

/// One `write(2)` for each answer. Data from a descriptor are copied through a buffer.
#[derive(Debug)]
pub struct WritePath(Arc<TracedDevice>);

impl WritePath {
    /// A path to this device.
    pub fn new(device: Arc<TracedDevice>) -> WritePath {
        WritePath(device)
    }
}

// ANCHOR: write
impl ReplyPath for WritePath {
    fn send(&self, unique: u64, reply: Result<&Answer, Errno>) -> io::Result<()> {
        let message = match reply.map(Answer::data) {
            Ok(Data::Bytes(bytes)) => encode::reply(unique, bytes),
            Ok(Data::From { fd, offset, len }) => {
                encode::reply(unique, &fetched(fd, *offset, *len)?)
            }
            Err(errno) => encode::error(unique, errno),
        };
        self.0.write_message(&message)?;
        Ok(())
    }
}
// ANCHOR_END: write

/// Up to `len` bytes: of a file from `offset` on, in bytes, or of a stream, which has no offset.
///
/// A file is read until it ends: to the kernel a short answer means its end, so an error on the way is
/// an error, whatever came before. A stream gives what one read(2) finds: to wait for more might be to
/// wait for ever. Either gives nothing at its end. A call that a signal has interrupted is made again.
///
/// # Errors
///
/// The source's own, and those of [`position`].
fn fetched(source: &OwnedFd, offset: Option<u64>, len: usize) -> io::Result<Vec<u8>> {
    // EXERCISE: 05.3
    let mut buffer = vec![0; len];
    let mut filled = 0;
    while filled < len {
        let read = match offset {
            Some(offset) => pread(source, &mut buffer[filled..], position(offset, filled)?),
            None => read(source, &mut buffer[filled..]),
        };
        match read {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        if offset.is_none() {
            break;
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
    // EXERCISE_END: 05.3
}

/// # Errors
///
/// EINVAL where an offset is beyond what off_t can say, as pread(2) itself would.
fn position(offset: u64, done: usize) -> io::Result<i64> {
    let position = offset.checked_add(done as u64).and_then(|at| i64::try_from(at).ok());
    position.ok_or_else(|| Errno::EINVAL.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Write, pipe};

    #[test]
    fn a_file_is_read_to_its_end_and_no_further() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let file = OwnedFd::from(file);
        assert_eq!(fetched(&file, Some(0), 4).unwrap(), b"0123");
        assert_eq!(fetched(&file, Some(8), 4).unwrap(), b"89");
        assert_eq!(fetched(&file, Some(10), 4).unwrap(), b"");
        assert_eq!(fetched(&file, Some(1 << 40), 4).unwrap(), b"");
    }

    #[test]
    fn a_file_that_comes_in_pieces_is_read_on() {
        // One read of such a file gives a page at most.
        let file = OwnedFd::from(std::fs::File::open("/proc/self/smaps").unwrap());
        let fetched = fetched(&file, Some(0), 9000).unwrap();
        assert_eq!(fetched.len(), 9000, "the file goes on");
    }

    #[test]
    fn a_stream_gives_what_it_has() {
        let (reader, mut writer) = pipe().unwrap();
        let stream = OwnedFd::from(reader);
        writer.write_all(b"some").unwrap();
        // More may come, but nobody waits for it.
        assert_eq!(fetched(&stream, None, 100).unwrap(), b"some");
        writer.write_all(b"more").unwrap();
        drop(writer);
        assert_eq!(fetched(&stream, None, 2).unwrap(), b"mo");
        assert_eq!(fetched(&stream, None, 100).unwrap(), b"re");
        assert_eq!(fetched(&stream, None, 100).unwrap(), b"");
    }

    #[test]
    fn a_source_that_cannot_be_read_is_an_error() {
        let (_reader, writer) = pipe().unwrap();
        assert!(fetched(&OwnedFd::from(writer), None, 4).is_err());
        let file = OwnedFd::from(tempfile::tempfile().unwrap());
        assert!(fetched(&file, Some(u64::MAX), 4).is_err(), "no file has such an offset");
    }
}
