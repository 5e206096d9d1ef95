//! What is in an open directory, from getdents64(2) to READDIR.

use std::ffi::{CStr, OsStr};
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Whence, lseek};
use step02_wire::Dirents;

/// Room for one call. It holds the longest entry a few times.
const BUFFER: usize = 4096;

/// An open directory, and how far it has been listed.
#[derive(Debug)]
pub struct Listing {
    dir: OwnedFd,
    buffer: [u8; BUFFER],
    /// Entries that were read, and not told yet.
    rest: Range<usize>,
    /// Where the first of them is: the `d_off` of the one before.
    offset: u64,
}

impl Listing {
    /// From the start.
    pub fn of(dir: OwnedFd) -> Listing {
        Listing { dir, buffer: [0; BUFFER], rest: 0..0, offset: 0 }
    }

    /// The directory.
    pub fn dir(&self) -> &OwnedFd {
        &self.dir
    }

    /// Pushes the entries from `offset` on, until one does not fit. 0 is the start; any other offset is
    /// one that the source gave with an earlier entry (`d_off`), and means whatever the source means by
    /// it.
    ///
    /// To go on where the last listing ended, nothing is sought: where an offset is a position (tmpfs
    /// before Linux 6.6), the same offset means another entry once one before it was removed.
    ///
    /// `parent` is the inode number that `..` is to have, if not its own.
    // ANCHOR: list
    pub fn tell(
        &mut self,
        offset: u64,
        parent: Option<u64>,
        told: &mut Dirents,
    ) -> Result<(), Errno> {
        if offset != self.offset || offset == 0 {
            let to = i64::try_from(offset).map_err(|_| Errno::EINVAL)?;
            lseek(&self.dir, to, Whence::SeekSet)?;
            (self.offset, self.rest) = (offset, 0..0);
        }
        loop {
            while let Some((entry, length)) = first_entry(&self.buffer[self.rest.clone()]) {
                let parent = parent.filter(|_| entry.name == "..");
                let ino = parent.unwrap_or(entry.ino);
                if !told.push(ino, entry.off, entry.kind.into(), entry.name) {
                    return Ok(());
                }
                self.offset = entry.off;
                self.rest.start += length;
            }
            self.rest = 0..getdents64(&self.dir, &mut self.buffer)?;
            if self.rest.is_empty() {
                return Ok(());
            }
        }
    }
    // ANCHOR_END: list
}

/// `getdents64(dir, buffer, BUFFER)`: how many bytes of entries came, 0 at the end.
fn getdents64(dir: &OwnedFd, buffer: &mut [u8; BUFFER]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most BUFFER bytes into the buffer, which is as large and outlives
    // the call.
    let length = unsafe {
        libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), buffer.as_mut_ptr(), BUFFER)
    };
    Ok(Errno::result(length)? as usize)
}

/// `struct linux_dirent64`
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    ino: u64,
    /// Where the next entry is.
    off: u64,
    /// DT_REG and its like.
    kind: u8,
    name: &'a OsStr,
}

/// The first of the entries that getdents64 wrote, and its length; none, where no whole one is.
///
/// ```text
/// byte 0: ino (8 bytes)   8: off (8)   16: length (2)   18: kind (1)   19: name, NUL, zeros
/// ```
///
/// Numbers are in the byte order of this machine. The length is that of all of it, zeros included, and the next
/// entry begins there. The name ends before its NUL.
fn first_entry(bytes: &[u8]) -> Option<(Entry<'_>, usize)> {
    // EXERCISE: 07.4
    let (ino, rest) = bytes.split_first_chunk()?;
    let (off, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (kind, _) = rest.split_first()?;
    // With the zeros behind the name.
    let length = usize::from(u16::from_ne_bytes(*length));
    let name = CStr::from_bytes_until_nul(bytes.get(19..length)?).ok()?;
    let (ino, off) = (u64::from_ne_bytes(*ino), u64::from_ne_bytes(*off));
    Some((Entry { ino, off, kind: *kind, name: OsStr::from_bytes(name.to_bytes()) }, length))
    // EXERCISE_END: 07.4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(ino: u64, off: u64, kind: u8, name: &str) -> Vec<u8> {
        let length = (19 + name.len() + 1).next_multiple_of(8);
        let mut bytes = [&ino.to_ne_bytes()[..], &off.to_ne_bytes()].concat();
        bytes.extend((length as u16).to_ne_bytes());
        bytes.push(kind);
        bytes.extend(name.as_bytes());
        bytes.resize(length, 0);
        bytes
    }

    #[test]
    fn what_is_whole_is_read_and_what_is_cut_is_not() {
        let entry = bytes(7, 1, 4, "a directory");
        let expected = Entry { ino: 7, off: 1, kind: 4, name: OsStr::new("a directory") };
        let two = [&entry[..], &bytes(8, 2, 8, "next")].concat();
        assert_eq!(first_entry(&two), Some((expected, 32)));
        for cut in 0..entry.len() {
            assert_eq!(first_entry(&entry[..cut]), None, "{cut} bytes of an entry of 32");
        }
    }

    #[test]
    fn bytes_that_are_no_entry_are_none() {
        for garbage in [[0; 64], [255; 64], [19; 64]] {
            assert_eq!(first_entry(&garbage), None, "64 times the byte {}", garbage[0]);
        }
    }
}
