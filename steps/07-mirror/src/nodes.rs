//! All nodes that the kernel knows, each with its descriptor.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::stat::FileStat;
use step02_wire::abi::ROOT_ID;

/// A file, a directory, a link: whatever has a name in the source.
#[derive(Debug)]
pub struct Node {
    /// Opened with O_PATH: good for nothing but to say which file is meant.
    pub fd: OwnedFd,
    /// S_IFREG and its like. It never changes.
    pub kind: u32,
}

impl Node {
    /// A path that leads to this very file, whatever its names are now (proc_pid_fd(5)): for the calls
    /// that want more than O_PATH gives, and have no form that takes a descriptor.
    pub fn path(&self) -> PathBuf {
        path_of(&self.fd)
    }
}

/// `/proc/self/fd/N`
pub fn path_of(fd: &OwnedFd) -> PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into()
}

/// The nodes by their ids.
#[derive(Debug)]
pub struct Nodes(Mutex<Table>);

// ANCHOR: table
#[derive(Debug)]
struct Table {
    known: HashMap<u64, Known>,
    /// Two names of one file are one node. While we hold its descriptor, the file keeps its inode, and
    /// nobody else gets that number.
    by_inode: HashMap<Inode, u64>,
    next_id: u64,
}

#[derive(Debug)]
struct Known {
    node: Arc<Node>,
    inode: Inode,
    lookups: u64,
}

/// st_dev and st_ino.
type Inode = (u64, u64);
// ANCHOR_END: table

impl Nodes {
    /// The root alone.
    pub fn new(root: OwnedFd, stat: &FileStat) -> Nodes {
        let mut table = Table { known: HashMap::new(), by_inode: HashMap::new(), next_id: ROOT_ID };
        table.add(root, stat);
        Nodes(Mutex::new(table))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    ///
    /// ESTALE: the kernel was not told of such a node, or has forgotten it.
    pub fn get(&self, id: u64) -> Result<Arc<Node>, Errno> {
        let table = self.table();
        let known = table.known.get(&id).ok_or(Errno::ESTALE)?;
        Ok(Arc::clone(&known.node))
    }

    /// The kernel will be told of the file that `fd` holds: its id, and one reference more.
    ///
    /// Finding and counting is one step. Otherwise a FORGET on another thread could take the node away
    /// between the two.
    // ANCHOR: told
    pub fn told(&self, fd: OwnedFd, stat: &FileStat) -> u64 {
        let mut table = self.table();
        let id = match table.by_inode.get(&inode(stat)) {
            Some(id) => *id,
            None => table.add(fd, stat),
        };
        if let Some(known) = table.known.get_mut(&id) {
            known.lookups += 1;
        }
        id
    }
    // ANCHOR_END: told

    /// The kernel gives so many references back. With the last one the node leaves both maps of the
    /// table, and its descriptor is closed, as soon as nobody is using it any more. The root stays, however many come.
    ///
    /// More than there are count as all of them. A node that is not known is passed over: a FORGET has no
    /// answer, so there is nobody to complain to.
    pub fn forget(&self, id: u64, references: u64) {
        // EXERCISE: 07.2
        let mut table = self.table();
        let Some(known) = table.known.get_mut(&id) else { return };
        known.lookups = known.lookups.saturating_sub(references);
        if known.lookups == 0
            && id != ROOT_ID
            && let Some(known) = table.known.remove(&id)
        {
            table.by_inode.remove(&known.inode);
        }
        // EXERCISE_END: 07.2
    }

    /// How many there are, the root among them.
    pub fn len(&self) -> usize {
        self.table().known.len()
    }
}

impl Table {
    fn add(&mut self, fd: OwnedFd, stat: &FileStat) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        let node = Arc::new(Node { fd, kind: stat.st_mode & nix::libc::S_IFMT });
        self.known.insert(id, Known { node, inode: inode(stat), lookups: 0 });
        self.by_inode.insert(inode(stat), id);
        id
    }
}

fn inode(stat: &FileStat) -> Inode {
    (stat.st_dev, stat.st_ino)
}
