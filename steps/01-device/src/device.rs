//! The device: one `read(2)` takes one whole request, one `write(2)` gives one whole reply.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// The device's path.
const PATH: &str = "/dev/fuse";

/// Room for the largest request that a 7.14 server is sent: 32 pages of data in a WRITE, and a page
/// for its headers. In bytes.
///
/// The size is not a matter of taste. A `read(2)` with less room than `max(8192, max_write + 80)`
/// gets EINVAL, for ever, whatever is waiting (`fuse_dev_do_read`, fs/fuse/dev.c).
pub const BUFFER_SIZE: usize = 32 * 4096 + 4096;

/// /dev/fuse, opened: our end of one connection to the kernel.
///
/// Each `open` gives a new, unconnected end. [`Mount::new`](crate::Mount::new) connects it to a
/// directory. When the last copy of the descriptor is closed, the kernel aborts the connection.
#[derive(Debug)]
pub struct Device(pub(crate) Arc<OwnedFd>);

impl Device {
    /// `open("/dev/fuse", O_RDWR | O_CLOEXEC)`
    pub fn open() -> Result<Device, OpenError> {
        // Close-on-exec: a child that inherited the descriptor would keep a dead server's
        // connection alive, and with it every client that waits for an answer.
        let fd = open(PATH, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty()).map_err(OpenError)?;
        Ok(Device(Arc::new(fd)))
    }

    /// Waits for the next request and reads it, whole, into `buffer`; returns the part it filled.
    ///
    /// The kernel never splits a request over two reads and never puts two into one. `buffer` must
    /// have room for the largest possible: [`BUFFER_SIZE`] bytes always do.
    // ANCHOR: read
    pub fn read_message<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ReadFault> {
        let length = nix::unistd::read(&self.0, buffer)?;
        Ok(&buffer[..length])
    }
    // ANCHOR_END: read

    /// Gives the kernel one whole message, in one `write(2)`. It takes all of it or nothing.
    ///
    /// ENOENT is no error: nobody waits for this reply any more, and it is [`Written::Unwanted`].
    ///
    /// # Errors
    ///
    /// Every other, as it came. EINVAL: the kernel finds the message malformed, for example its length
    /// field differs from its length. The request then still waits for an answer.
    pub fn write_message(&self, message: &[u8]) -> io::Result<Written> {
        // EXERCISE: 01.4
        match nix::unistd::write(&self.0, message) {
            Ok(_) => Ok(Written::Taken),
            Err(Errno::ENOENT) => Ok(Written::Unwanted),
            Err(errno) => Err(errno.into()),
        }
        // EXERCISE_END: 01.4
    }
}

/// One that was opened, and connected, by somebody else: a helper that mounts for us.
impl From<OwnedFd> for Device {
    fn from(fd: OwnedFd) -> Device {
        Device(Arc::new(fd))
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What became of a message for the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It has it.
    Taken,
    /// Nobody waits for this reply any more (ENOENT): the client was killed meanwhile, or the file
    /// system unmounted. No fault of the server's, and nothing is left to do.
    Unwanted,
}

/// What an error of `read(2)` on the device means. Decided here once, for all who read from it.
#[derive(Debug)]
pub enum ReadFault {
    /// Nothing is wrong, nothing was read: read again.
    Again,
    /// The file system was unmounted, or the connection aborted. A clean end.
    Unmounted,
    /// The server cannot go on.
    Fatal(io::Error),
}

// ANCHOR: faults
impl From<Errno> for ReadFault {
    fn from(errno: Errno) -> ReadFault {
        match errno {
            // ENOENT: the request vanished while it was being copied to us.
            // EINTR: a signal woke us. EAGAIN: the device is non-blocking, and its queue empty.
            Errno::ENOENT | Errno::EINTR | Errno::EAGAIN => ReadFault::Again,
            // ECONNABORTED: the same, in the middle of a request that was being copied to us.
            Errno::ENODEV | Errno::ECONNABORTED => ReadFault::Unmounted,
            other => ReadFault::Fatal(other.into()),
        }
    }
}
// ANCHOR_END: faults

impl fmt::Display for ReadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadFault::Again => write!(f, "no request was read from {PATH}: read again"),
            ReadFault::Unmounted => write!(f, "the file system was unmounted"),
            ReadFault::Fatal(error) => write!(f, "cannot read from {PATH}: {error}"),
        }
    }
}

impl std::error::Error for ReadFault {}

/// Why [`Device::open`] failed, and what mends it.
#[derive(Debug)]
pub struct OpenError(Errno);

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot open {PATH}: {}.", self.0.desc())?;
        match self.0 {
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => write!(
                f,
                "\nThis kernel has no FUSE, or has it as a module that is not loaded. Try: sudo modprobe fuse"
            ),
            Errno::EACCES | Errno::EPERM => {
                write!(f, "\nThis user may not use the device. Run it as root: sudo …")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_write_that_fails_is_an_error() {
        let only_for_reading = File::open("/dev/null").unwrap();
        let device = Device::from(OwnedFd::from(only_for_reading));
        let written = device.write_message(b"an answer").map_err(|error| error.raw_os_error());
        assert_eq!(written, Err(Some(Errno::EBADF as i32)), "EBADF: passed on as it came");
    }

    #[test]
    fn each_error_of_a_read_has_one_meaning() {
        for again in [Errno::ENOENT, Errno::EINTR, Errno::EAGAIN] {
            assert!(matches!(ReadFault::from(again), ReadFault::Again), "{again}");
        }
        for end in [Errno::ENODEV, Errno::ECONNABORTED] {
            assert!(matches!(ReadFault::from(end), ReadFault::Unmounted), "{end}");
        }
        for fatal in [Errno::EINVAL, Errno::EPERM, Errno::EIO] {
            let ReadFault::Fatal(error) = ReadFault::from(fatal) else { panic!("{fatal}") };
            assert_eq!(error.raw_os_error(), Some(fatal as i32));
        }
    }

    #[test]
    fn an_open_error_names_its_remedy() {
        assert_eq!(
            OpenError(Errno::ENOENT).to_string(),
            "cannot open /dev/fuse: No such file or directory.\nThis kernel has no FUSE, or has it as \
             a module that is not loaded. Try: sudo modprobe fuse"
        );
        assert_eq!(
            OpenError(Errno::EACCES).to_string(),
            "cannot open /dev/fuse: Permission denied.\nThis user may not use the device. Run it as root: sudo …"
        );
    }
}
