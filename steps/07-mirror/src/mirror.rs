//! The operations: each finds its node or handle, and makes the call that the client made.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, open, openat, readlinkat, renameat};
use nix::libc;
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, SFlag, UtimensatFlags, fchmodat, fstat, mkdirat, mknodat, umask,
    utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{
    Gid, Uid, UnlinkatFlags, close, dup, fchownat, fdatasync, fsync, ftruncate, linkat, symlinkat,
    truncate, unlinkat,
};
use step02_wire::Dirents;
use step02_wire::abi::*;
use step05_server::{Data, Filesystem, Payload};

use crate::attributes::{attr, device, statfs};
use crate::caller::AsCaller;
use crate::handles::Handles;
use crate::listing::Listing;
use crate::nodes::{Nodes, path_of};
use crate::source::{SourceError, check_apart, open_source};
use crate::xattr;

type Result<T> = std::result::Result<T, Errno>;

/// A directory, mirrored.
#[derive(Debug)]
pub struct Mirror {
    nodes: Nodes,
    files: Handles<OwnedFd>,
    /// Each is listed once at a time.
    directories: Handles<Mutex<Listing>>,
    /// The source's own inode number: what is above it is nobody's business.
    root_ino: u64,
    valid: Duration,
}

/// What a [`Mirror`] holds on to, counted. Each is a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Nodes that the kernel knows, the root among them.
    pub nodes: usize,
    /// Open files and open directories.
    pub handles: usize,
}

impl Mirror {
    /// Opens `source`, to be mounted on `mountpoint`, before it is.
    ///
    /// `valid`: how long the kernel may trust what we told it of names and attributes. What others change
    /// in the source is seen after so long at the latest.
    ///
    /// From now on the umask of this process is 0: the kernel has applied that of the client.
    ///
    /// # Errors
    ///
    /// [`SourceError`]: it is no directory, cannot be opened, or contains the mount point.
    pub fn open(
        source: &Path,
        mountpoint: &Path,
        valid: Duration,
    ) -> std::result::Result<Mirror, SourceError> {
        let (fd, stat) = open_source(source)?;
        check_apart(&stat, mountpoint)?;
        umask(Mode::empty());
        Ok(Mirror {
            nodes: Nodes::new(fd, &stat),
            files: Handles::new(),
            directories: Handles::new(),
            root_ino: stat.st_ino,
            valid,
        })
    }

    /// What it holds on to.
    pub fn counters(&self) -> Counters {
        let handles = self.files.len() + self.directories.len();
        Counters { nodes: self.nodes.len(), handles }
    }

    /// The file that `fd` holds, told to the kernel.
    fn told(&self, fd: OwnedFd) -> Result<EntryOut> {
        let stat = fstat(&fd)?;
        Ok(EntryOut {
            nodeid: self.nodes.told(fd, &stat),
            entry_valid: self.valid.as_secs(),
            attr_valid: self.valid.as_secs(),
            entry_valid_nsec: self.valid.subsec_nanos(),
            attr_valid_nsec: self.valid.subsec_nanos(),
            attr: attr(&stat),
            ..EntryOut::default()
        })
    }

    fn attributes(&self, stat: &FileStat) -> AttrOut {
        AttrOut {
            attr_valid: self.valid.as_secs(),
            attr_valid_nsec: self.valid.subsec_nanos(),
            attr: attr(stat),
            ..AttrOut::default()
        }
    }
}

impl Filesystem for Mirror {
    // ANCHOR: lookup
    fn lookup(&self, header: &InHeader, name: &OsStr) -> Result<EntryOut> {
        let parent = self.nodes.get(header.nodeid)?;
        // One name, and not followed: a symbolic link is a node like any other.
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        self.told(openat(&parent.fd, fit(name)?, flags, Mode::empty())?)
    }
    // ANCHOR_END: lookup

    fn forget(&self, header: &InHeader, nlookup: u64) {
        self.nodes.forget(header.nodeid, nlookup);
    }

    fn mknod(&self, header: &InHeader, arg: &MknodIn, name: &OsStr) -> Result<EntryOut> {
        let parent = self.nodes.get(header.nodeid)?;
        let kind = SFlag::from_bits_truncate(arg.mode & libc::S_IFMT);
        let client = AsCaller::of(header);
        mknodat(&parent.fd, fit(name)?, kind, permissions(arg.mode), device(arg.rdev))?;
        drop(client);
        self.lookup(header, name)
    }

    fn mkdir(&self, header: &InHeader, arg: &MkdirIn, name: &OsStr) -> Result<EntryOut> {
        let parent = self.nodes.get(header.nodeid)?;
        let client = AsCaller::of(header);
        mkdirat(&parent.fd, fit(name)?, permissions(arg.mode))?;
        drop(client);
        self.lookup(header, name)
    }

    fn symlink(&self, header: &InHeader, name: &OsStr, target: &OsStr) -> Result<EntryOut> {
        let parent = self.nodes.get(header.nodeid)?;
        let client = AsCaller::of(header);
        symlinkat(target, &parent.fd, fit(name)?)?;
        drop(client);
        self.lookup(header, name)
    }

    fn link(&self, header: &InHeader, arg: &LinkIn, name: &OsStr) -> Result<EntryOut> {
        let (node, parent) = (self.nodes.get(arg.oldnodeid)?, self.nodes.get(header.nodeid)?);
        // It follows the path in /proc to the file, and no further, even where that is a symbolic link.
        let follow = AtFlags::AT_SYMLINK_FOLLOW;
        linkat(AT_FDCWD, &node.path(), &parent.fd, fit(name)?, follow)?;
        self.lookup(header, name)
    }

    fn unlink(&self, header: &InHeader, name: &OsStr) -> Result<()> {
        let parent = self.nodes.get(header.nodeid)?;
        unlinkat(&parent.fd, fit(name)?, UnlinkatFlags::NoRemoveDir)
    }

    fn rmdir(&self, header: &InHeader, name: &OsStr) -> Result<()> {
        let parent = self.nodes.get(header.nodeid)?;
        unlinkat(&parent.fd, fit(name)?, UnlinkatFlags::RemoveDir)
    }

    fn rename(
        &self,
        header: &InHeader,
        arg: &RenameIn,
        name: &OsStr,
        new_name: &OsStr,
    ) -> Result<()> {
        let (old, new) = (self.nodes.get(header.nodeid)?, self.nodes.get(arg.newdir)?);
        renameat(&old.fd, fit(name)?, &new.fd, fit(new_name)?)
    }

    // ANCHOR: create
    fn create(
        &self,
        header: &InHeader,
        arg: &CreateIn,
        name: &OsStr,
    ) -> Result<(EntryOut, OpenOut)> {
        let parent = self.nodes.get(header.nodeid)?;
        let flags = wanted(arg.flags) | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
        let client = AsCaller::of(header);
        let created = openat(&parent.fd, fit(name)?, flags, permissions(arg.mode));
        drop(client);
        let file = match created {
            // It came into being behind the kernel's back, and nobody has checked whether this client may
            // open it. ESTALE makes the kernel look again.
            Err(Errno::EEXIST) if arg.flags & libc::O_EXCL as u32 == 0 => {
                return Err(Errno::ESTALE);
            }
            created => created?,
        };
        // The node of this very file, whatever its name leads to by now.
        let node = open(&path_of(&file), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        let entry = self.told(node)?;
        Ok((entry, OpenOut { fh: self.files.add(file), ..OpenOut::default() }))
    }
    // ANCHOR_END: create

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut> {
        Ok(self.attributes(&fstat(&self.nodes.get(header.nodeid)?.fd)?))
    }

    // ANCHOR: setattr
    fn setattr(&self, header: &InHeader, arg: &SetattrIn) -> Result<AttrOut> {
        let node = self.nodes.get(header.nodeid)?;
        let given = |flag| arg.valid.contains(flag);
        let uid = given(SetattrValid::UID).then(|| Uid::from_raw(arg.uid));
        let gid = given(SetattrValid::GID).then(|| Gid::from_raw(arg.gid));
        if uid.is_some() || gid.is_some() {
            fchownat(&node.fd, "", uid, gid, AtFlags::AT_EMPTY_PATH)?;
        }
        // After the owner, whose change clears the setuid bit: the kernel sends the mode that it wants.
        if given(SetattrValid::MODE) {
            let follow = FchmodatFlags::FollowSymlink;
            fchmodat(AT_FDCWD, &node.path(), permissions(arg.mode), follow)?;
        }
        if given(SetattrValid::SIZE) {
            let size = i64::try_from(arg.size).map_err(|_| Errno::EFBIG)?;
            match given(SetattrValid::FH) {
                true => ftruncate(&*self.files.get(arg.fh)?, size)?,
                false => truncate(&node.path(), size)?,
            }
        }
        let time = |set, now, seconds: u64, nanoseconds: u32| match (given(now), given(set)) {
            (true, _) => TimeSpec::UTIME_NOW,
            (false, true) => TimeSpec::new(seconds as i64, nanoseconds.into()),
            (false, false) => TimeSpec::UTIME_OMIT,
        };
        use SetattrValid as Set;
        let atime = time(Set::ATIME, Set::ATIME_NOW, arg.atime, arg.atimensec);
        let mtime = time(Set::MTIME, Set::MTIME_NOW, arg.mtime, arg.mtimensec);
        if given(Set::ATIME) || given(Set::MTIME) {
            let follow = UtimensatFlags::FollowSymlink;
            utimensat(AT_FDCWD, &node.path(), &atime, &mtime, follow)?;
        }
        Ok(self.attributes(&fstat(&node.fd)?))
    }
    // ANCHOR_END: setattr

    fn readlink(&self, header: &InHeader) -> Result<Vec<u8>> {
        Ok(readlinkat(&self.nodes.get(header.nodeid)?.fd, "")?.into_vec())
    }

    fn statfs(&self, header: &InHeader) -> Result<Kstatfs> {
        statfs(&self.nodes.get(header.nodeid)?.fd)
    }

    fn setxattr(
        &self,
        header: &InHeader,
        arg: &SetxattrIn,
        name: &OsStr,
        value: &[u8],
    ) -> Result<()> {
        xattr::set(&self.nodes.get(header.nodeid)?.path(), name, value, arg.flags)
    }

    fn getxattr(&self, header: &InHeader, name: &OsStr) -> Result<Vec<u8>> {
        xattr::get(&self.nodes.get(header.nodeid)?.path(), name)
    }

    fn listxattr(&self, header: &InHeader) -> Result<Vec<u8>> {
        xattr::list(&self.nodes.get(header.nodeid)?.path())
    }

    fn removexattr(&self, header: &InHeader, name: &OsStr) -> Result<()> {
        xattr::remove(&self.nodes.get(header.nodeid)?.path(), name)
    }

    // ANCHOR: open
    fn open(&self, header: &InHeader, arg: &OpenIn) -> Result<OpenOut> {
        let node = self.nodes.get(header.nodeid)?;
        // The kernel opens fifos and devices by itself. Here a fifo would wait for its other end.
        if node.kind != libc::S_IFREG {
            return Err(Errno::EINVAL);
        }
        let file = open(&node.path(), wanted(arg.flags), Mode::empty())?;
        Ok(OpenOut { fh: self.files.add(file), ..OpenOut::default() })
    }
    // ANCHOR_END: open

    // ANCHOR: read
    fn read(&self, _: &InHeader, arg: &ReadIn) -> Result<Data> {
        let fd = self.files.get(arg.fh)?;
        Ok(Data::From { fd, offset: Some(arg.offset), len: arg.size as usize })
    }

    fn write(&self, _: &InHeader, arg: &WriteIn, payload: &mut dyn Payload) -> Result<u32> {
        let file = self.files.get(arg.fh)?;
        match payload.write_to(file.as_fd(), arg.offset) {
            // No more than the kernel sent, and that fits.
            Ok(count) => Ok(count as u32),
            Err(error) => Err(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)),
        }
    }
    // ANCHOR_END: read

    fn flush(&self, _: &InHeader, arg: &FlushIn) -> Result<()> {
        // A file system that writes late tells what went wrong at close(2). So close a copy.
        close(dup(&*self.files.get(arg.fh)?)?)
    }

    fn release(&self, _: &InHeader, arg: &ReleaseIn) -> Result<()> {
        self.files.release(arg.fh);
        Ok(())
    }

    fn fsync(&self, _: &InHeader, arg: &FsyncIn) -> Result<()> {
        sync(&*self.files.get(arg.fh)?, arg)
    }

    fn opendir(&self, header: &InHeader, _: &OpenIn) -> Result<OpenOut> {
        let node = self.nodes.get(header.nodeid)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let directory = open(&node.path(), flags, Mode::empty())?;
        Ok(OpenOut {
            fh: self.directories.add(Mutex::new(Listing::of(directory))),
            ..OpenOut::default()
        })
    }

    fn readdir(&self, header: &InHeader, arg: &ReadIn, told: &mut Dirents) -> Result<()> {
        let directory = self.directories.get(arg.fh)?;
        let parent = (header.nodeid == ROOT_ID).then_some(self.root_ino);
        let mut listing = directory.lock().unwrap_or_else(PoisonError::into_inner);
        listing.tell(arg.offset, parent, told)
    }

    fn releasedir(&self, _: &InHeader, arg: &ReleaseIn) -> Result<()> {
        self.directories.release(arg.fh);
        Ok(())
    }

    fn fsyncdir(&self, _: &InHeader, arg: &FsyncIn) -> Result<()> {
        let directory = self.directories.get(arg.fh)?;
        sync(directory.lock().unwrap_or_else(PoisonError::into_inner).dir(), arg)
    }
}

/// A name, and no path: nothing that would lead out of its directory.
///
/// # Errors
///
/// EINVAL. The kernel never asks such a thing; but a server must not depend on who asks.
// ANCHOR: fit
fn fit(name: &OsStr) -> Result<&OsStr> {
    match name.as_bytes() {
        b"" | b"." | b".." => Err(Errno::EINVAL),
        bytes if bytes.contains(&b'/') => Err(Errno::EINVAL),
        _ => Ok(name),
    }
}
// ANCHOR_END: fit

// ANCHOR: wanted
/// Of the flags that a client gave to open(2), those that are ours to pass on.
///
/// Not O_APPEND: the kernel has made an offset of it, and pwrite(2) would not heed the offset. Not O_TRUNC:
/// we have not asked for ATOMIC_O_TRUNC, so a SETATTR follows. Not O_DIRECT: our buffers are not aligned.
fn wanted(flags: u32) -> OFlag {
    let passed = OFlag::O_ACCMODE | OFlag::O_SYNC | OFlag::O_DSYNC | OFlag::O_NOATIME;
    OFlag::from_bits_truncate(flags as i32) & passed | OFlag::O_CLOEXEC
}
// ANCHOR_END: wanted

fn permissions(mode: u32) -> Mode {
    Mode::from_bits_truncate(mode)
}

fn sync(fd: &OwnedFd, arg: &FsyncIn) -> Result<()> {
    if arg.fsync_flags.contains(FsyncFlags::FDATASYNC) { fdatasync(fd) } else { fsync(fd) }
}
