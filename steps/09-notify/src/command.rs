//! ioctl(2) of the news, as numbers and as bytes.
//!
//! On a mount, ioctl is *restricted*: the kernel copies as many bytes in and out as the command's own
//! number says. So a number is more than a name. It has a direction and a size in it, which `_IOR` and
//! `_IOW` of ioctl(2) put there.

use nix::errno::Errno;
use nix::{request_code_none, request_code_read, request_code_write};
use step02_wire::abi::IoctlIn;

/// `_IOR('n', 1, u64)`: how many changes there were.
pub const COUNT: u32 = request_code_read!(b'n', 1, size_of::<u64>()) as u32;
/// `_IOW('n', 2, u32)`: change every so many milliseconds; 0: only when asked.
pub const EVERY: u32 = request_code_write!(b'n', 2, size_of::<u32>()) as u32;
/// `_IO('n', 3)`: change now.
pub const NOW: u32 = request_code_none!(b'n', 3) as u32;

/// What a client wants of the news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// [`COUNT`]
    Count,
    /// [`EVERY`], in milliseconds.
    Every(u32),
    /// [`NOW`]
    Now,
}

impl Command {
    /// The command in an IOCTL, with the data that came along.
    ///
    /// # Errors
    ///
    /// ENOTTY for a command that is none of ours. Not ENOSYS: that is about all files, not about this one.
    // ANCHOR: command
    pub fn of(arg: &IoctlIn, data: &[u8]) -> Result<Command, Errno> {
        match arg.cmd {
            COUNT => Ok(Command::Count),
            EVERY => data.try_into().map(u32::from_ne_bytes).map(Command::Every),
            NOW => Ok(Command::Now),
            _ => return Err(Errno::ENOTTY),
        }
        .map_err(|_| Errno::EINVAL)
    }
    // ANCHOR_END: command
}
