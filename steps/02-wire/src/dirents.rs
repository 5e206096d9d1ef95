//! The answer to READDIR: entries of different lengths, each aligned to 8 bytes.

use crate::abi::{Dirent, WireStruct};
use crate::cursor::Cursor;
use crate::malformed::Fault;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use zerocopy::IntoBytes;

/// A listing that is being written.
///
/// A READDIR says how much room there is. What does not fit comes with the next one, which starts
/// at the `off` of the last entry that did.
#[derive(Debug, Clone)]
pub struct Dirents {
    bytes: Vec<u8>,
    limit: usize,
}

impl Dirents {
    /// An empty listing with room for `limit` bytes: the `size` of the READDIR.
    pub fn new(limit: usize) -> Dirents {
        Dirents { bytes: Vec::new(), limit }
    }

    /// Adds an entry, or returns false and adds nothing when it does not fit into what is left of the
    /// limit, the zeros at its end included.
    ///
    /// An entry is a [`Dirent`], then the name without a NUL, then zeros up to a multiple of 8.
    ///
    /// `off` is where the *next* entry starts, in any numbering that suits the server, so long as
    /// it is not 0. `kind` is the type of the file: its mode, shifted right by 12 (`DT_REG` is 8,
    /// `DT_DIR` is 4). The kernel takes no name that is empty or has a `/` in it.
    #[must_use = "an entry that does not fit was not added"]
    pub fn push(&mut self, ino: u64, off: u64, kind: u32, name: &OsStr) -> bool {
        // EXERCISE: 02.4
        let padded = padded_len(name.len());
        if padded > self.limit - self.bytes.len() {
            return false;
        }
        let entry = Dirent { ino, off, namelen: name.len() as u32, r#type: kind };
        let end = self.bytes.len() + padded;
        self.bytes.extend_from_slice(entry.as_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.resize(end, 0);
        true
        // EXERCISE_END: 02.4
    }

    /// The listing so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The listing: the body of the answer. An empty one says that the directory ends here.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Is there no entry yet?
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// `FUSE_DIRENT_SIZE`: what an entry takes, its name and the zeros after it included.
fn padded_len(name_len: usize) -> usize {
    (Dirent::SIZE + name_len).next_multiple_of(8)
}

/// Reads a listing back. Stops at the first entry that is cut, as the kernel does.
pub fn dirents(listing: &[u8]) -> impl Iterator<Item = (Dirent, &OsStr)> {
    let mut cursor = Cursor::new(listing);
    std::iter::from_fn(move || next_entry(&mut cursor).ok())
}

/// One entry, with the zeros after it.
pub(crate) fn next_entry<'a>(cursor: &mut Cursor<'a>) -> Result<(Dirent, &'a OsStr), Fault> {
    let entry: Dirent = cursor.structure()?;
    let namelen = entry.namelen as usize;
    let name = cursor.data("name", namelen)?;
    let zeros = namelen.next_multiple_of(8) - namelen;
    if zeros > 0 {
        cursor.data("zeros", zeros)?;
    }
    Ok((entry, OsStr::from_bytes(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_padded_with_zeros_to_a_multiple_of_8() {
        let mut listing = Dirents::new(4096);
        assert!(listing.push(2, 3, 8, OsStr::new("hello.txt")));
        #[rustfmt::skip]
        let expected = [
            2, 0, 0, 0, 0, 0, 0, 0,
            3, 0, 0, 0, 0, 0, 0, 0,
            9, 0, 0, 0, 8, 0, 0, 0,
            b'h', b'e', b'l', b'l', b'o', b'.', b't', b'x',
            b't', 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(
            listing.as_bytes(),
            expected,
            "the struct, the name and zeros: 24, 9 and 7 bytes"
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let mut listing = Dirents::new(63);
        assert!(listing.push(1, 1, 4, OsStr::new(".")));
        assert!(!listing.push(1, 2, 4, OsStr::new("..")), "64 bytes in a room of 63");
        assert_eq!(listing.into_bytes().len(), 32);

        let mut listing = Dirents::new(64);
        assert!(listing.push(1, 1, 4, OsStr::new(".")));
        assert!(listing.push(1, 2, 4, OsStr::new("..")), "64 bytes in a room of 64");
        assert!(Dirents::new(0).is_empty());
    }

    #[test]
    fn what_was_written_reads_back() {
        let names = ["a", "12345678", "123456789", "with space", "ümlaut"];
        let mut listing = Dirents::new(4096);
        for (i, name) in names.iter().enumerate() {
            assert!(listing.push(i as u64 + 10, i as u64 + 1, 8, OsStr::new(name)));
        }
        let read: Vec<_> =
            dirents(listing.as_bytes()).map(|(entry, name)| (entry.ino, entry.off, name)).collect();
        let expected: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(i, name)| (i as u64 + 10, i as u64 + 1, OsStr::new(*name)))
            .collect();
        assert_eq!(read, expected);
    }
}
