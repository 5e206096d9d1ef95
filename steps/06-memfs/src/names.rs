//! What changes names: each operation first asks all that can go wrong, and then changes all.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::libc;
use step02_wire::abi::{InHeader, ROOT_ID};

use crate::directory::Directory;
use crate::node::{Content, Node};
use crate::pages::Pages;
use crate::tree::Tree;

/// The longest name, in bytes. STATFS tells it, and the kernel asks for no longer one.
pub const NAME_MAX: usize = 255;

/// What a name costs, in blocks.
const NAME: u64 = 1;

impl Tree {
    /// The node that `name` leads to.
    pub fn find(&self, parent: u64, name: &OsStr) -> Result<u64, Errno> {
        self.directory(parent)?.get(fit(name)?).ok_or(Errno::ENOENT)
    }

    /// Makes a node with the type and permissions of `mode`, and its first name in the directory
    /// `caller.nodeid`. `target` is for a symbolic link.
    // ANCHOR: make
    pub fn make(
        &mut self,
        caller: &InHeader,
        name: &OsStr,
        mode: u32,
        target: &OsStr,
    ) -> Result<u64, Errno> {
        let parent = caller.nodeid;
        let content = match mode & libc::S_IFMT {
            libc::S_IFREG | 0 => Content::File { size: 0, pages: Pages::default() },
            libc::S_IFDIR => Content::Directory(Directory::new(parent)),
            libc::S_IFLNK => Content::Symlink(target.to_owned()),
            libc::S_IFIFO | libc::S_IFSOCK | libc::S_IFCHR | libc::S_IFBLK => Content::Special,
            _ => return Err(Errno::EINVAL),
        };
        self.may_attach(parent, name)?;
        let (gid, mode) = inherited(self.node(parent)?, caller, mode);
        let mut node = Node::new(mode, caller.uid, gid, content);
        if node.is_directory() {
            node.nlink = 1; // its own `.`
        }
        self.space.take(node.blocks() + NAME)?;
        let id = self.add(node);
        self.attach(parent, name, id)?;
        Ok(id)
    }
    // ANCHOR_END: make

    /// One more name for the node `id`: `name`, in the directory `parent`. It costs what a name costs.
    ///
    /// # Errors
    ///
    /// In this order, and after each of them all is as it was: EPERM for a directory; ENOENT for a file
    /// whose last name is gone, and which does not come back; EMLINK for one with as many names as can be
    /// counted; whatever forbids a new name in `parent`; ENOSPC.
    pub fn link(&mut self, id: u64, parent: u64, name: &OsStr) -> Result<(), Errno> {
        // EXERCISE: 06.4
        let node = self.node(id)?;
        if node.is_directory() {
            return Err(Errno::EPERM);
        }
        // A file whose last name is gone does not come back: it is only kept for those who have it open.
        if node.nlink == 0 {
            return Err(Errno::ENOENT);
        }
        node.nlink.checked_add(1).ok_or(Errno::EMLINK)?;
        self.may_attach(parent, name)?;
        self.space.take(NAME)?;
        self.attach(parent, name, id)
        // EXERCISE_END: 06.4
    }

    /// Removes a name that is not a directory's.
    // ANCHOR: unlink
    pub fn unlink(&mut self, parent: u64, name: &OsStr) -> Result<(), Errno> {
        let id = self.find(parent, name)?;
        if self.node(id)?.is_directory() {
            return Err(Errno::EISDIR);
        }
        self.remove(parent, name, id)
    }
    // ANCHOR_END: unlink

    /// Removes an empty directory.
    pub fn rmdir(&mut self, parent: u64, name: &OsStr) -> Result<(), Errno> {
        let id = self.find(parent, name)?;
        if self.directory(id)?.len() > 0 {
            return Err(Errno::ENOTEMPTY);
        }
        self.remove(parent, name, id)
    }

    /// Moves a name, over what is at its new place.
    // ANCHOR: rename
    pub fn rename(&mut self, old: (u64, &OsStr), new: (u64, &OsStr)) -> Result<(), Errno> {
        let moved = self.find(old.0, old.1)?;
        let replaced = self.find(new.0, new.1).ok();
        if replaced == Some(moved) {
            // Two names of one file: POSIX wants nothing done.
            return Ok(());
        }
        match replaced {
            Some(replaced) => self.may_replace(replaced, moved)?,
            None => self.may_attach(new.0, new.1)?,
        }
        if self.is_in(new.0, moved)? {
            return Err(Errno::EINVAL);
        }
        // Nothing can go wrong from here on. One name goes and one comes, which costs nothing.
        if let Some(replaced) = replaced {
            self.remove(new.0, new.1, replaced)?;
        }
        self.detach(old.0, old.1, moved)?;
        self.attach(new.0, new.1, moved)
    }
    // ANCHOR_END: rename

    /// May `name` be a new name in `parent`?
    fn may_attach(&self, parent: u64, name: &OsStr) -> Result<(), Errno> {
        if self.directory(parent)?.get(fit(name)?).is_some() {
            return Err(Errno::EEXIST);
        }
        match self.node(parent)?.nlink {
            // Removed, and somebody still stands in it.
            0 => Err(Errno::ENOENT),
            u32::MAX => Err(Errno::EMLINK),
            _ => Ok(()),
        }
    }

    /// May `moved` take the place of `replaced`?
    fn may_replace(&self, replaced: u64, moved: u64) -> Result<(), Errno> {
        match (self.node(moved)?.is_directory(), self.directory(replaced)) {
            (false, Ok(_)) => Err(Errno::EISDIR),
            (true, Ok(directory)) if directory.len() > 0 => Err(Errno::ENOTEMPTY),
            (true, Err(not_a_directory)) => Err(not_a_directory),
            _ => Ok(()),
        }
    }

    /// Is `directory` the node `ancestor`, or somewhere below it?
    fn is_in(&self, mut directory: u64, ancestor: u64) -> Result<bool, Errno> {
        while directory != ancestor {
            if directory == ROOT_ID {
                return Ok(false);
            }
            directory = self.directory(directory)?.parent;
        }
        Ok(true)
    }

    /// Gives the node a name. The caller has made sure that it can have it, and taken its price.
    // ANCHOR: attach
    fn attach(&mut self, parent: u64, name: &OsStr, id: u64) -> Result<(), Errno> {
        self.directory_mut(parent)?.insert(name, id);
        self.node_mut(parent)?.modified();
        self.node_mut(id)?.nlink += 1;
        self.node_mut(id)?.changed();
        if let Ok(directory) = self.directory_mut(id) {
            directory.parent = parent;
            self.node_mut(parent)?.nlink += 1;
        }
        Ok(())
    }

    /// Takes a name from the node, which stays.
    fn detach(&mut self, parent: u64, name: &OsStr, id: u64) -> Result<(), Errno> {
        self.directory_mut(parent)?.remove(name);
        self.node_mut(parent)?.modified();
        self.node_mut(id)?.nlink -= 1;
        self.node_mut(id)?.changed();
        if self.directory(id).is_ok() {
            self.node_mut(parent)?.nlink -= 1;
        }
        Ok(())
    }
    // ANCHOR_END: attach

    /// Takes a name away, and with the last one the node, unless the kernel still needs it.
    fn remove(&mut self, parent: u64, name: &OsStr, id: u64) -> Result<(), Errno> {
        self.detach(parent, name, id)?;
        self.space.give_back(NAME);
        let node = self.node_mut(id)?;
        if node.is_directory() {
            // Its own `.` does not keep it.
            node.nlink = 0;
        }
        self.drop_if_unused(id);
        Ok(())
    }
}

/// The group of what `caller` makes in `directory`, and its mode: the rules of a setgid directory
/// (inode(7)), which the kernel leaves to the file system (`inode_init_owner`, fs/inode.c).
fn inherited(directory: &Node, caller: &InHeader, mode: u32) -> (u32, u32) {
    if directory.mode & libc::S_ISGID == 0 {
        return (caller.gid, mode);
    }
    match mode & libc::S_IFMT {
        libc::S_IFDIR => (directory.gid, mode | libc::S_ISGID),
        _ => (directory.gid, mode),
    }
}

/// # Errors
///
/// EINVAL for what cannot be a name, ENAMETOOLONG. The kernel asks for neither; other callers may.
fn fit(name: &OsStr) -> Result<&OsStr, Errno> {
    match name.as_bytes() {
        b"" | b"." | b".." => Err(Errno::EINVAL),
        bytes if bytes.contains(&b'/') => Err(Errno::EINVAL),
        bytes if bytes.len() > NAME_MAX => Err(Errno::ENAMETOOLONG),
        _ => Ok(name),
    }
}
