//! The high door: a file system as typed operations, each answered at once.

use std::ffi::OsStr;

use nix::errno::Errno;
use step02_wire::Dirents;
use step02_wire::abi::*;

use crate::answer::Data;
use crate::request::Payload;

/// What `Err` does: the client's call fails with that errno.
type Result<T> = std::result::Result<T, Errno>;

/// A file system. Every operation of protocol 7.14 is here, and most have a default.
///
/// The header says which node an operation is about (`nodeid`; for names, the directory that they are
/// in) and who asks (`uid`, `gid`, `pid`).
///
/// A default is what suits a file system that has no such thing. That is not always ENOSYS, for the
/// kernel *remembers* ENOSYS for the whole connection and stops asking, with a meaning that differs from
/// one operation to the next. Where the default is ENOSYS, that meaning is the one that is wanted:
///
/// | operation | after ENOSYS the kernel … | so the default is |
/// |---|---|---|
/// | OPEN, OPENDIR | opens without asking (since 7.23, 7.29) | an open file without a handle |
/// | FLUSH | does not say any more that a descriptor was closed | success |
/// | FSYNC, FSYNCDIR | takes it for success | success |
/// | CREATE | sends MKNOD, then OPEN | ENOSYS |
/// | GETXATTR, LISTXATTR, SETXATTR, REMOVEXATTR | says EOPNOTSUPP, and stops asking for `security.capability` before each write(2) | ENOSYS |
/// | ACCESS | allows what the modes allow | ENOSYS |
/// | BMAP | knows no block | ENOSYS |
/// | POLL | takes the file to be always ready | ENOSYS |
/// | what changes names or attributes | passes it on, each time | EROFS |
#[allow(unused_variables)] // the defaults have no use for their arguments
pub trait Filesystem: Send + Sync {
    // names, in the directory `header.nodeid`

    /// LOOKUP: finds a name. The node's lookup count grows by one, until FORGET takes it back.
    fn lookup(&self, header: &InHeader, name: &OsStr) -> Result<EntryOut>;

    /// FORGET: takes `nlookup` from the node's lookup count.
    fn forget(&self, header: &InHeader, nlookup: u64) {}

    /// MKNOD: makes a file, a fifo, a socket or a device node.
    fn mknod(&self, header: &InHeader, arg: &MknodIn, name: &OsStr) -> Result<EntryOut> {
        Err(Errno::EROFS)
    }

    /// MKDIR: makes a directory.
    fn mkdir(&self, header: &InHeader, arg: &MkdirIn, name: &OsStr) -> Result<EntryOut> {
        Err(Errno::EROFS)
    }

    /// SYMLINK: makes a symbolic link to `target`.
    fn symlink(&self, header: &InHeader, name: &OsStr, target: &OsStr) -> Result<EntryOut> {
        Err(Errno::EROFS)
    }

    /// LINK: gives the node `arg.oldnodeid` one more name.
    fn link(&self, header: &InHeader, arg: &LinkIn, name: &OsStr) -> Result<EntryOut> {
        Err(Errno::EROFS)
    }

    /// UNLINK: removes a name that is not a directory's.
    fn unlink(&self, header: &InHeader, name: &OsStr) -> Result<()> {
        Err(Errno::EROFS)
    }

    /// RMDIR: removes an empty directory.
    fn rmdir(&self, header: &InHeader, name: &OsStr) -> Result<()> {
        Err(Errno::EROFS)
    }

    /// RENAME: moves a name to `new_name` in the directory `arg.newdir`, over what is there.
    fn rename(
        &self,
        header: &InHeader,
        arg: &RenameIn,
        name: &OsStr,
        new_name: &OsStr,
    ) -> Result<()> {
        Err(Errno::EROFS)
    }

    /// CREATE: makes a file and opens it.
    fn create(
        &self,
        header: &InHeader,
        arg: &CreateIn,
        name: &OsStr,
    ) -> Result<(EntryOut, OpenOut)> {
        Err(Errno::ENOSYS)
    }

    // the node `header.nodeid`

    /// GETATTR: mode, owner, size, times.
    fn getattr(&self, header: &InHeader, arg: &GetattrIn) -> Result<AttrOut>;

    /// SETATTR: changes those that `arg.valid` names, and returns all.
    fn setattr(&self, header: &InHeader, arg: &SetattrIn) -> Result<AttrOut> {
        Err(Errno::EROFS)
    }

    /// READLINK: where a symbolic link points. At most 4095 bytes.
    fn readlink(&self, header: &InHeader) -> Result<Vec<u8>> {
        Err(Errno::EINVAL)
    }

    /// ACCESS: may the caller do what `arg.mask` says? Does not come with `default_permissions`.
    fn access(&self, header: &InHeader, arg: &AccessIn) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// STATFS: sizes and free space of the whole file system.
    fn statfs(&self, header: &InHeader) -> Result<Kstatfs> {
        Ok(Kstatfs { bsize: 4096, frsize: 4096, namelen: 255, ..Kstatfs::default() })
    }

    /// SETXATTR: sets an extended attribute.
    fn setxattr(
        &self,
        header: &InHeader,
        arg: &SetxattrIn,
        name: &OsStr,
        value: &[u8],
    ) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// GETXATTR: the value of an extended attribute. ERANGE and the question for its size alone are
    /// taken care of.
    fn getxattr(&self, header: &InHeader, name: &OsStr) -> Result<Vec<u8>> {
        Err(Errno::ENOSYS)
    }

    /// LISTXATTR: the names of the extended attributes, each with a NUL at its end.
    fn listxattr(&self, header: &InHeader) -> Result<Vec<u8>> {
        Err(Errno::ENOSYS)
    }

    /// REMOVEXATTR: removes an extended attribute.
    fn removexattr(&self, header: &InHeader, name: &OsStr) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// BMAP: at which block of the device is this block of the file? Comes only to a block device.
    fn bmap(&self, header: &InHeader, arg: &BmapIn) -> Result<u64> {
        Err(Errno::ENOSYS)
    }

    // open files

    /// OPEN: opens a file. The handle in the answer comes back with every use of this open file.
    fn open(&self, header: &InHeader, arg: &OpenIn) -> Result<OpenOut> {
        Ok(OpenOut::default())
    }

    /// READ: up to `arg.size` bytes from `arg.offset` on. Fewer mean that the file ends there.
    fn read(&self, header: &InHeader, arg: &ReadIn) -> Result<Data> {
        Err(Errno::EIO)
    }

    /// WRITE: writes the payload at `arg.offset`; returns how many bytes were written.
    fn write(&self, header: &InHeader, arg: &WriteIn, payload: &mut dyn Payload) -> Result<u32> {
        Err(Errno::EROFS)
    }

    /// FLUSH: a descriptor of this open file was closed. Comes once for each close(2).
    fn flush(&self, header: &InHeader, arg: &FlushIn) -> Result<()> {
        Ok(())
    }

    /// RELEASE: the last user of this open file is gone. Nobody waits for the answer.
    fn release(&self, header: &InHeader, arg: &ReleaseIn) -> Result<()> {
        Ok(())
    }

    /// FSYNC: brings an open file to stable storage.
    fn fsync(&self, header: &InHeader, arg: &FsyncIn) -> Result<()> {
        Ok(())
    }

    /// GETLK: which lock is in the way of this one? Locks come only after POSIX_LOCKS was agreed on.
    fn getlk(&self, header: &InHeader, arg: &LkIn) -> Result<FileLock> {
        Err(Errno::ENOSYS)
    }

    /// SETLK: takes or drops a lock, without waiting.
    fn setlk(&self, header: &InHeader, arg: &LkIn) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// SETLKW: takes a lock, and waits for it. This door cannot wait: step 08 has one that can.
    fn setlkw(&self, header: &InHeader, arg: &LkIn) -> Result<()> {
        Err(Errno::ENOSYS)
    }

    /// IOCTL: returns a result, and up to `arg.out_size` bytes.
    fn ioctl(&self, header: &InHeader, arg: &IoctlIn, data: &[u8]) -> Result<(IoctlOut, Vec<u8>)> {
        Err(Errno::ENOTTY)
    }

    /// POLL: what is the file ready for? Returns poll(2)'s events.
    fn poll(&self, header: &InHeader, arg: &PollIn) -> Result<u32> {
        Err(Errno::ENOSYS)
    }

    // open directories

    /// OPENDIR: opens a directory.
    fn opendir(&self, header: &InHeader, arg: &OpenIn) -> Result<OpenOut> {
        Ok(OpenOut::default())
    }

    /// READDIR: pushes the entries from `arg.offset` on, until one does not fit or there are no more.
    fn readdir(&self, header: &InHeader, arg: &ReadIn, listing: &mut Dirents) -> Result<()> {
        Ok(())
    }

    /// RELEASEDIR: the last user of this open directory is gone.
    fn releasedir(&self, header: &InHeader, arg: &ReleaseIn) -> Result<()> {
        Ok(())
    }

    /// FSYNCDIR: brings an open directory to stable storage.
    fn fsyncdir(&self, header: &InHeader, arg: &FsyncIn) -> Result<()> {
        Ok(())
    }

    // the session

    /// DESTROY: the file system ends. Comes only where a block device was mounted.
    fn destroy(&self) {}
}
