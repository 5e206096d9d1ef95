//! What is in an open directory, from getdents64(2) to READDIR.

use std::ffi::{CStr, OsStr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Whence, lseek};
use step02_wire::Dirents;

/// Room for one call. It holds the longest entry a few times.
const BUFFER: usize = 4096;

/// Pushes the entries from `offset` on, until one does not fit. 0 is the start; any other offset is one
/// that the source gave with an earlier entry (`d_off`), and means whatever the source means by it.
///
/// `parent` is the inode number that `..` is to have, if not its own.
// ANCHOR: list
pub fn list(
    dir: &OwnedFd,
    offset: u64,
    parent: Option<u64>,
    listing: &mut Dirents,
) -> Result<(), Errno> {
    lseek(dir, i64::try_from(offset).map_err(|_| Errno::EINVAL)?, Whence::SeekSet)?;
    let mut buffer = [0; BUFFER];
    loop {
        let length = getdents64(dir, &mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        for entry in entries(&buffer[..length]) {
            let parent = parent.filter(|_| entry.name == "..");
            let ino = parent.unwrap_or(entry.ino);
            if !listing.push(ino, entry.off, entry.kind.into(), entry.name) {
                return Ok(());
            }
        }
    }
}
// ANCHOR_END: list

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

/// The entries in what getdents64 wrote. Stops at the first that is cut.
fn entries(mut bytes: &[u8]) -> impl Iterator<Item = Entry<'_>> {
    std::iter::from_fn(move || {
        let (ino, rest) = bytes.split_first_chunk()?;
        let (off, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (kind, _) = rest.split_first()?;
        // The whole entry, with the zeros behind the name.
        let (entry, next) = bytes.split_at_checked(u16::from_ne_bytes(*length).into())?;
        let name = CStr::from_bytes_until_nul(entry.get(19..)?).ok()?;
        bytes = next;
        let (ino, off) = (u64::from_ne_bytes(*ino), u64::from_ne_bytes(*off));
        Some(Entry { ino, off, kind: *kind, name: OsStr::from_bytes(name.to_bytes()) })
    })
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
        let two = [bytes(7, 1, 4, "dir"), bytes(8, 2, 8, "a longer name")].concat();
        let name = OsStr::new;
        let expected = [
            Entry { ino: 7, off: 1, kind: 4, name: name("dir") },
            Entry { ino: 8, off: 2, kind: 8, name: name("a longer name") },
        ];
        assert_eq!(entries(&two).collect::<Vec<_>>(), expected);
        for cut in 0..two.len() {
            let whole = usize::from(cut >= 24);
            assert_eq!(entries(&two[..cut]).collect::<Vec<_>>(), expected[..whole], "at {cut}");
        }
    }

    #[test]
    fn bytes_that_are_no_entries_end_it() {
        for garbage in [[0; 64], [255; 64], [19; 64]] {
            assert_eq!(entries(&garbage).count(), 0);
        }
    }
}
