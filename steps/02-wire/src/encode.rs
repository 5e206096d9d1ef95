//! Replies and notifications as bytes, each a whole message for one `write(2)`.
//!
//! Which body answers which request:
//!
//! | request | body |
//! |---|---|
//! | INIT | [`InitOut`](crate::abi::InitOut) |
//! | LOOKUP, MKNOD, MKDIR, SYMLINK, LINK | [`EntryOut`] |
//! | CREATE | [`EntryOut`], then [`OpenOut`]: [`created`] |
//! | GETATTR, SETATTR | [`AttrOut`](crate::abi::AttrOut) |
//! | OPEN, OPENDIR | [`OpenOut`] |
//! | READ, READLINK | the bytes, without a NUL |
//! | READDIR | [`Dirents`](crate::Dirents) |
//! | WRITE | [`WriteOut`](crate::abi::WriteOut) |
//! | STATFS | [`StatfsOut`](crate::abi::StatfsOut) |
//! | GETXATTR, LISTXATTR | the bytes, or [`xattr_size`] when `size` was 0 |
//! | GETLK | [`LkOut`](crate::abi::LkOut) |
//! | BMAP | [`BmapOut`](crate::abi::BmapOut) |
//! | IOCTL | [`IoctlOut`], then data: [`ioctl`] |
//! | POLL | [`PollOut`](crate::abi::PollOut) |
//! | CUSE_INIT | [`CuseInitOut`](crate::abi::CuseInitOut), then text |
//! | FORGET | no answer at all |
//! | all others | nothing: `reply(unique, &[])` |

use crate::abi::{
    EntryOut, GetxattrOut, IoctlOut, NotifyCode, NotifyInvalEntryOut, NotifyInvalInodeOut,
    NotifyPollWakeupOut, OpenOut, OutHeader, WireStruct,
};
use nix::errno::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use zerocopy::IntoBytes;

/// The answer to a request that went well, with its body.
pub fn reply(unique: u64, body: &[u8]) -> Vec<u8> {
    message(0, unique, &[body])
}

/// The same with a struct as its body.
pub fn reply_with<T: WireStruct>(unique: u64, body: &T) -> Vec<u8> {
    reply(unique, body.as_bytes())
}

/// The answer to a request that failed: a header alone, with a negative errno in it.
///
/// There is no error 0: to the kernel that would be success. `Errno::UnknownErrno` is 0, and
/// becomes EIO.
pub fn error(unique: u64, errno: Errno) -> Vec<u8> {
    let errno = if errno == Errno::UnknownErrno { Errno::EIO } else { errno };
    message(-(errno as i32), unique, &[])
}

/// The answer to CREATE: the new node and the open file.
pub fn created(unique: u64, entry: &EntryOut, open: &OpenOut) -> Vec<u8> {
    message(0, unique, &[entry.as_bytes(), open.as_bytes()])
}

/// The answer to a GETXATTR or LISTXATTR that asked for the size alone.
pub fn xattr_size(unique: u64, size: u32) -> Vec<u8> {
    reply_with(unique, &GetxattrOut { size, padding: 0 })
}

/// The answer to IOCTL: the result, and data for the caller.
pub fn ioctl(unique: u64, out: &IoctlOut, data: &[u8]) -> Vec<u8> {
    message(0, unique, &[out.as_bytes(), data])
}

/// Notification: the polled file with this handle of the kernel's became ready.
pub fn notify_poll(kh: u64) -> Vec<u8> {
    notification(NotifyCode::Poll, &[NotifyPollWakeupOut { kh }.as_bytes()])
}

/// Notification: drop what is cached of a node. `off` below 0: the attributes alone. `len` 0 or
/// less: to the end.
pub fn notify_inval_inode(node: u64, off: i64, len: i64) -> Vec<u8> {
    notification(NotifyCode::InvalInode, &[NotifyInvalInodeOut { ino: node, off, len }.as_bytes()])
}

/// Notification: drop a name from a directory.
pub fn notify_inval_entry(parent: u64, name: &OsStr) -> Vec<u8> {
    let out = NotifyInvalEntryOut { parent, namelen: name.len() as u32, padding: 0 };
    notification(NotifyCode::InvalEntry, &[out.as_bytes(), name.as_bytes(), b"\0"])
}

/// A notification answers nothing: its number is 0, and its code stands where an answer has its
/// error.
fn notification(code: NotifyCode, body: &[&[u8]]) -> Vec<u8> {
    message(code as i32, 0, body)
}

/// A header with the true length, then the parts.
// ANCHOR: message
fn message(error: i32, unique: u64, body: &[&[u8]]) -> Vec<u8> {
    let len = OutHeader::SIZE + body.iter().map(|part| part.len()).sum::<usize>();
    let header = OutHeader { len: len as u32, error, unique };
    let mut message = Vec::with_capacity(len);
    message.extend_from_slice(header.as_bytes());
    for part in body {
        message.extend_from_slice(part);
    }
    message
}
// ANCHOR_END: message

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_16_bytes_with_a_negative_errno() {
        let expected = [16, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 6, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(error(6, Errno::ENOENT), expected);
    }

    #[test]
    fn no_error_is_success() {
        assert_eq!(error(6, Errno::UnknownErrno), error(6, Errno::EIO));
    }

    #[test]
    fn the_length_counts_the_header() {
        assert_eq!(reply(8, b"data"), *b"\x14\0\0\0\0\0\0\0\x08\0\0\0\0\0\0\0data");
    }

    #[test]
    fn a_notification_has_number_0_and_a_code_for_an_error() {
        let expected =
            b"\x26\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0hello\0";
        assert_eq!(notify_inval_entry(1, OsStr::new("hello")), expected);
    }
}
