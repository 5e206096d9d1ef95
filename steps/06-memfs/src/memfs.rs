//! The operations, each in a few lines.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::libc;
use step02_wire::Dirents;
use step02_wire::abi::*;
use step05_server::{Data, Filesystem, Payload};

use crate::names::NAME_MAX;
use crate::node::{Content, MAX_SIZE, Node, xattr_blocks};
use crate::space::BLOCK;
use crate::tree::{Counters, Tree, VALID};

type Result<T> = std::result::Result<T, Errno>;

/// A file system in memory, empty at first, that may take so much space and no more.
#[derive(Debug)]
pub struct Memfs {
    tree: Mutex<Tree>,
    handles: AtomicU64,
}

impl Memfs {
    /// An empty root directory, owned by this process's user. `size`: in bytes, for everything that
    /// will be in it; of 4096 at least, which the root itself takes.
    pub fn new(size: u64) -> Memfs {
        Memfs { tree: Mutex::new(Tree::new(size / BLOCK)), handles: AtomicU64::new(0) }
    }

    /// What is in it.
    pub fn counters(&self) -> Counters {
        self.tree().counters()
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        // An operation asks before it changes anything, so a panic leaves no half of one.
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a node and tells the kernel of it.
    fn make(&self, header: &InHeader, name: &OsStr, mode: u32, target: &OsStr) -> Result<EntryOut> {
        let mut tree = self.tree();
        let id = tree.make(header, name, mode, target)?;
        tree.told(id)
    }

    /// An open file. Its node says all, and stays for as long as it is open. Yet it has a handle of its own,
    /// never given twice: whoever keeps locks tells open files apart by that. What the kernel has cached
    /// stays right, for nobody else changes it.
    fn opened(&self) -> OpenOut {
        let fh = self.handles.fetch_add(1, Ordering::Relaxed) + 1;
        OpenOut { fh, open_flags: OpenReplyFlags::KEEP_CACHE, ..OpenOut::default() }
    }
}

impl Filesystem for Memfs {
    // ANCHOR: lookup
    fn lookup(&self, header: &InHeader, name: &OsStr) -> Result<EntryOut> {
        let mut tree = self.tree();
        let id = tree.find(header.nodeid, name)?;
        tree.told(id)
    }

    fn forget(&self, header: &InHeader, nlookup: u64) {
        self.tree().forget(header.nodeid, nlookup);
    }
    // ANCHOR_END: lookup

    fn mknod(&self, header: &InHeader, arg: &MknodIn, name: &OsStr) -> Result<EntryOut> {
        if matches!(arg.mode & libc::S_IFMT, libc::S_IFDIR | libc::S_IFLNK) {
            return Err(Errno::EINVAL);
        }
        let mut tree = self.tree();
        let id = tree.make(header, name, arg.mode, OsStr::new(""))?;
        tree.node_mut(id)?.rdev = arg.rdev;
        tree.told(id)
    }

    fn mkdir(&self, header: &InHeader, arg: &MkdirIn, name: &OsStr) -> Result<EntryOut> {
        self.make(header, name, libc::S_IFDIR | arg.mode & !libc::S_IFMT, OsStr::new(""))
    }

    fn symlink(&self, header: &InHeader, name: &OsStr, target: &OsStr) -> Result<EntryOut> {
        // What READLINK could not answer.
        if target.len() >= libc::PATH_MAX as usize {
            return Err(Errno::ENAMETOOLONG);
        }
        self.make(header, name, libc::S_IFLNK | 0o777, target)
    }

    fn link(&self, header: &InHeader, arg: &LinkIn, name: &OsStr) -> Result<EntryOut> {
        let mut tree = self.tree();
        tree.link(arg.oldnodeid, header.nodeid, name)?;
        tree.told(arg.oldnodeid)
    }

    fn unlink(&self, header: &InHeader, name: &OsStr) -> Result<()> {
        self.tree().unlink(header.nodeid, name)
    }

    fn rmdir(&self, header: &InHeader, name: &OsStr) -> Result<()> {
        self.tree().rmdir(header.nodeid, name)
    }

    fn rename(
        &self,
        header: &InHeader,
        arg: &RenameIn,
        name: &OsStr,
        new_name: &OsStr,
    ) -> Result<()> {
        self.tree().rename((header.nodeid, name), (arg.newdir, new_name))
    }

    fn create(
        &self,
        header: &InHeader,
        arg: &CreateIn,
        name: &OsStr,
    ) -> Result<(EntryOut, OpenOut)> {
        let mode = libc::S_IFREG | arg.mode & !libc::S_IFMT;
        Ok((self.make(header, name, mode, OsStr::new(""))?, self.opened()))
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut> {
        Ok(attributes(header.nodeid, self.tree().node(header.nodeid)?))
    }

    fn setattr(&self, header: &InHeader, arg: &SetattrIn) -> Result<AttrOut> {
        let mut tree = self.tree();
        let (node, space) = tree.node_and_space(header.nodeid)?;
        if arg.valid.contains(SetattrValid::SIZE) {
            node.truncate(arg.size, space)?;
        }
        node.set(arg);
        Ok(attributes(header.nodeid, node))
    }

    fn readlink(&self, header: &InHeader) -> Result<Vec<u8>> {
        let mut tree = self.tree();
        let node = tree.node_mut(header.nodeid)?;
        node.accessed();
        match &node.content {
            Content::Symlink(target) => Ok(target.as_bytes().to_vec()),
            _ => Err(Errno::EINVAL),
        }
    }

    fn statfs(&self, _: &InHeader) -> Result<Kstatfs> {
        let tree = self.tree();
        // A new file takes two blocks: one for its node, one for its name.
        let (free, files) = (tree.space.free(), tree.counters().nodes);
        Ok(Kstatfs {
            blocks: tree.space.total(),
            bfree: free,
            bavail: free,
            files: files + free / 2,
            ffree: free / 2,
            bsize: BLOCK as u32,
            frsize: BLOCK as u32,
            namelen: NAME_MAX as u32,
            ..Kstatfs::default()
        })
    }

    // ANCHOR: open
    fn open(&self, header: &InHeader, arg: &OpenIn) -> Result<OpenOut> {
        let mut tree = self.tree();
        let (node, space) = tree.node_and_space(header.nodeid)?;
        // ATOMIC_O_TRUNC was agreed on: no SETATTR comes that would do it.
        if arg.flags & libc::O_TRUNC as u32 != 0 {
            node.truncate(0, space)?;
        }
        Ok(self.opened())
    }
    // ANCHOR_END: open

    fn read(&self, header: &InHeader, arg: &ReadIn) -> Result<Data> {
        let mut tree = self.tree();
        let node = tree.node_mut(header.nodeid)?;
        node.accessed();
        let (size, pages) = match &node.content {
            Content::File { size, pages } => (*size, pages),
            Content::Directory(_) => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        };
        let length = size.saturating_sub(arg.offset).min(arg.size.into());
        Ok(Data::Bytes(pages.read(arg.offset, length as usize)))
    }

    // ANCHOR: write
    fn write(&self, header: &InHeader, arg: &WriteIn, payload: &mut dyn Payload) -> Result<u32> {
        let data = payload.bytes().map_err(|_| Errno::EIO)?;
        let end = arg.offset.checked_add(data.len() as u64).ok_or(Errno::EFBIG)?;
        if end > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let mut tree = self.tree();
        let (node, space) = tree.node_and_space(header.nodeid)?;
        let Content::File { size, pages } = &mut node.content else {
            return Err(Errno::EINVAL);
        };
        let written = pages.write(arg.offset, data, space);
        if written == 0 && !data.is_empty() {
            return Err(Errno::ENOSPC);
        }
        *size = (*size).max(arg.offset + written as u64);
        node.modified();
        Ok(written as u32)
    }
    // ANCHOR_END: write

    /// The entries behind the cookie `arg.offset`, as many as fit, each with its own cookie: there the next
    /// READDIR goes on. The type of an entry is that of its node. A removed directory may have lost its
    /// parent: its `..` is listed all the same, as a directory. To list a directory is to access it.
    ///
    /// # Errors
    ///
    /// ENOTDIR for anything else than a directory.
    fn readdir(&self, header: &InHeader, arg: &ReadIn, listing: &mut Dirents) -> Result<()> {
        // EXERCISE: 06.5
        let mut tree = self.tree();
        tree.node_mut(header.nodeid)?.accessed();
        for (cookie, name, id) in tree.directory(header.nodeid)?.behind(arg.offset, header.nodeid) {
            // A removed directory may have lost its parent, and with it the type of `..`.
            let mode = tree.node(id).map_or(libc::S_IFDIR, |node| node.mode);
            if !listing.push(id, cookie, mode >> 12, name) {
                break;
            }
        }
        Ok(())
        // EXERCISE_END: 06.5
    }

    fn setxattr(
        &self,
        header: &InHeader,
        arg: &SetxattrIn,
        name: &OsStr,
        value: &[u8],
    ) -> Result<()> {
        let mut tree = self.tree();
        let (node, space) = tree.node_and_space(header.nodeid)?;
        let old = node.xattrs.get(offered(name)?);
        match (old, arg.flags as i32) {
            (Some(_), libc::XATTR_CREATE) => return Err(Errno::EEXIST),
            (None, libc::XATTR_REPLACE) => return Err(Errno::ENODATA),
            _ => {}
        }
        let freed = old.map_or(0, |old| xattr_blocks(old));
        space.take(xattr_blocks(value).saturating_sub(freed))?;
        space.give_back(freed.saturating_sub(xattr_blocks(value)));
        node.xattrs.insert(name.to_owned(), value.to_vec());
        node.changed();
        Ok(())
    }

    fn getxattr(&self, header: &InHeader, name: &OsStr) -> Result<Vec<u8>> {
        let tree = self.tree();
        let value = tree.node(header.nodeid)?.xattrs.get(offered(name)?);
        value.cloned().ok_or(Errno::ENODATA)
    }

    fn listxattr(&self, header: &InHeader) -> Result<Vec<u8>> {
        let tree = self.tree();
        let names = tree.node(header.nodeid)?.xattrs.keys();
        Ok(names.flat_map(|name| [name.as_bytes(), b"\0"].concat()).collect())
    }

    fn removexattr(&self, header: &InHeader, name: &OsStr) -> Result<()> {
        let mut tree = self.tree();
        let (node, space) = tree.node_and_space(header.nodeid)?;
        let old = node.xattrs.remove(offered(name)?).ok_or(Errno::ENODATA)?;
        space.give_back(xattr_blocks(&old));
        node.changed();
        Ok(())
    }
}

fn attributes(id: u64, node: &Node) -> AttrOut {
    AttrOut { attr_valid: VALID, attr: node.attr(id), ..AttrOut::default() }
}

/// # Errors
///
/// EOPNOTSUPP for `system.*`, that is for ACLs: the kernel asks only a server of 7.26 and later to
/// keep them in its place, and here nobody would heed them.
fn offered(name: &OsStr) -> Result<&OsStr> {
    if name.as_bytes().starts_with(b"system.") { Err(Errno::EOPNOTSUPP) } else { Ok(name) }
}
