//! What the kernel asks, with its arguments.

use crate::abi::*;
use std::ffi::OsStr;

/// A request without its header. Which node it is about stands in [`InHeader::nodeid`].
///
/// The variants are the opcodes, which [`Opcode::meaning`] explains; their fields are the message's,
/// in its order. Names are bytes, not text, and borrow from the message.
///
/// The data of a WRITE are not here, since they may still be in a pipe. They are the last `arg.size`
/// bytes of the message, from [`head_len`](crate::head_len) on.
///
/// `Unknown` is newer than 7.14. FALLOCATE, LSEEK, STATX and others arrive whatever version was
/// agreed on; the answer is ENOSYS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operation<'a> {
    // the session
    Init { arg: InitIn },
    Destroy,
    Interrupt { arg: InterruptIn },
    // a directory, and names in it
    Lookup { name: &'a OsStr },
    Mknod { arg: MknodIn, name: &'a OsStr },
    Mkdir { arg: MkdirIn, name: &'a OsStr },
    Symlink { name: &'a OsStr, target: &'a OsStr },
    Link { arg: LinkIn, name: &'a OsStr },
    Unlink { name: &'a OsStr },
    Rmdir { name: &'a OsStr },
    Rename { arg: RenameIn, name: &'a OsStr, new_name: &'a OsStr },
    Create { arg: CreateIn, name: &'a OsStr },
    // a node
    Forget { arg: ForgetIn },
    Getattr { arg: GetattrIn },
    Setattr { arg: SetattrIn },
    Readlink,
    Access { arg: AccessIn },
    Statfs,
    Setxattr { arg: SetxattrIn, name: &'a OsStr, value: &'a [u8] },
    Getxattr { arg: GetxattrIn, name: &'a OsStr },
    Listxattr { arg: GetxattrIn },
    Removexattr { name: &'a OsStr },
    Bmap { arg: BmapIn },
    // an open file
    Open { arg: OpenIn },
    Read { arg: ReadIn },
    Write { arg: WriteIn },
    Flush { arg: FlushIn },
    Release { arg: ReleaseIn },
    Fsync { arg: FsyncIn },
    Getlk { arg: LkIn },
    Setlk { arg: LkIn },
    Setlkw { arg: LkIn },
    Ioctl { arg: IoctlIn, data: &'a [u8] },
    Poll { arg: PollIn },
    // an open directory
    Opendir { arg: OpenIn },
    Readdir { arg: ReadIn },
    Releasedir { arg: ReleaseIn },
    Fsyncdir { arg: FsyncIn },
    // a character device
    CuseInit { arg: CuseInitIn },
    // newer than 7.14
    Unknown { opcode: u32, body: &'a [u8] },
}
