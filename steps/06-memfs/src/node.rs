//! A node: what stat(2) shows, and what is in it.

use std::collections::BTreeMap;
use std::ffi::OsString;

use nix::errno::Errno;
use nix::libc;
use step02_wire::abi::{Attr, SetattrIn, SetattrValid};

use crate::directory::Directory;
use crate::pages::Pages;
use crate::space::{BLOCK, Space};
use crate::time::Time;

/// The largest size of a file: off_t has a sign.
pub const MAX_SIZE: u64 = i64::MAX as u64;

/// A file, a directory, a symbolic link, or what else can have a name.
#[derive(Debug)]
// ANCHOR: node
pub struct Node {
    /// How many names lead here. A directory also counts its own `.`, and the `..` in each of those
    /// below it.
    pub nlink: u32,
    /// How many references the kernel has: one for each answer that told it of this node, less
    /// those that FORGET gave back.
    pub lookups: u64,
    pub content: Content,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u32,
    pub atime: Time,
    pub mtime: Time,
    pub ctime: Time,
    pub xattrs: BTreeMap<OsString, Vec<u8>>,
}
// ANCHOR_END: node

/// What is in a node.
#[derive(Debug)]
pub enum Content {
    File {
        size: u64,
        pages: Pages,
    },
    Directory(Directory),
    Symlink(OsString),
    /// A fifo, a socket or a device: the kernel keeps what is in them.
    Special,
}

impl Node {
    /// A node without names, that the kernel does not know.
    pub fn new(mode: u32, uid: u32, gid: u32, content: Content) -> Node {
        let now = Time::now();
        Node {
            nlink: 0,
            lookups: 0,
            content,
            mode,
            uid,
            gid,
            rdev: 0,
            atime: now,
            mtime: now,
            ctime: now,
            xattrs: BTreeMap::new(),
        }
    }

    pub fn is_directory(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFDIR
    }

    fn pages(&self) -> u64 {
        match &self.content {
            Content::File { pages, .. } => pages.count(),
            _ => 0,
        }
    }

    /// The blocks that it takes, without its names.
    pub fn blocks(&self) -> u64 {
        1 + self.pages() + self.xattrs.values().map(|value| xattr_blocks(value)).sum::<u64>()
    }

    /// The attributes, as the kernel wants them.
    pub fn attr(&self, id: u64) -> Attr {
        let size = match &self.content {
            Content::File { size, .. } => *size,
            Content::Directory(directory) => directory.len() as u64,
            Content::Symlink(target) => target.len() as u64,
            Content::Special => 0,
        };
        Attr {
            ino: id,
            size,
            // Of 512 bytes, whatever our own size is, and what holds no data is not told.
            blocks: self.pages() * (BLOCK / 512),
            atime: self.atime.seconds as u64,
            mtime: self.mtime.seconds as u64,
            ctime: self.ctime.seconds as u64,
            atimensec: self.atime.nanoseconds,
            mtimensec: self.mtime.nanoseconds,
            ctimensec: self.ctime.nanoseconds,
            mode: self.mode,
            nlink: self.nlink,
            uid: self.uid,
            gid: self.gid,
            rdev: self.rdev,
            blksize: BLOCK as u32,
            padding: 0,
        }
    }

    /// Something about it has changed: names, owner, mode.
    pub fn changed(&mut self) {
        self.ctime = Time::now();
    }

    /// What is in it has changed.
    pub fn modified(&mut self) {
        self.changed();
        self.mtime = self.ctime;
    }

    /// Somebody has read it. The access time moves only where it would otherwise look as if nobody
    /// had since the last change: the rule of `relatime` (mount(8)).
    pub fn accessed(&mut self) {
        if self.atime <= self.mtime.max(self.ctime) {
            self.atime = Time::now();
        }
    }

    /// Cuts a file, or lets it grow by a hole. Its times move even where its size does not: a
    /// truncate(2) comes without a new mtime, and means one.
    // ANCHOR: truncate
    pub fn truncate(&mut self, new: u64, space: &mut Space) -> Result<(), Errno> {
        match &mut self.content {
            Content::File { .. } if new > MAX_SIZE => return Err(Errno::EFBIG),
            Content::File { size, pages } => {
                pages.truncate(new, space);
                *size = new;
            }
            Content::Directory(_) => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
        self.modified();
        Ok(())
    }
    // ANCHOR_END: truncate

    /// Mode, owner and times as a SETATTR wants them. Its size is [`Node::truncate`]'s work.
    // ANCHOR: set
    pub fn set(&mut self, arg: &SetattrIn) {
        let given = |flag| arg.valid.contains(flag);
        if given(SetattrValid::MODE) {
            // The type of a node never changes.
            self.mode = self.mode & libc::S_IFMT | arg.mode & !libc::S_IFMT;
        }
        if given(SetattrValid::UID) {
            self.uid = arg.uid;
        }
        if given(SetattrValid::GID) {
            self.gid = arg.gid;
        }
        self.changed();
        if given(SetattrValid::ATIME_NOW) {
            self.atime = self.ctime;
        } else if given(SetattrValid::ATIME) {
            self.atime = Time::from_wire(arg.atime, arg.atimensec);
        }
        if given(SetattrValid::MTIME_NOW) {
            self.mtime = self.ctime;
        } else if given(SetattrValid::MTIME) {
            self.mtime = Time::from_wire(arg.mtime, arg.mtimensec);
        }
    }
    // ANCHOR_END: set
}

/// The blocks that the value of an extended attribute takes: its name is never free.
pub fn xattr_blocks(value: &[u8]) -> u64 {
    (value.len() as u64).div_ceil(BLOCK).max(1)
}
