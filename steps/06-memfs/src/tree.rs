//! All nodes, by their ids, and how long each of them lives.

use std::collections::HashMap;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{getegid, geteuid};
use step02_wire::abi::{EntryOut, ROOT_ID};

use crate::directory::Directory;
use crate::node::{Content, Node};
use crate::space::Space;

/// How long the kernel may trust what we tell, in seconds. Nobody but the kernel changes anything here,
/// and it knows what its own requests change.
pub const VALID: u64 = 3600;

/// What is in a [`Memfs`](crate::Memfs), counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Nodes, the root among them: with a name, or known to the kernel, or both.
    pub nodes: u64,
    /// Blocks of 4096 bytes that everything takes.
    pub blocks: u64,
}

/// The nodes, and the space that they take.
#[derive(Debug)]
// ANCHOR: tree
pub struct Tree {
    nodes: HashMap<u64, Node>,
    /// Ids are never given again. So an id is enough, and its generation is always 0.
    next_id: u64,
    pub space: Space,
}
// ANCHOR_END: tree

impl Tree {
    /// A root directory, and nothing in it. `blocks`: as much as there may ever be.
    pub fn new(blocks: u64) -> Tree {
        let content = Content::Directory(Directory::new(ROOT_ID));
        let mut root =
            Node::new(libc::S_IFDIR | 0o755, geteuid().as_raw(), getegid().as_raw(), content);
        root.nlink = 2;
        let mut space = Space::new(blocks.max(1));
        // At least one is there.
        let _ = space.take(root.blocks());
        Tree { nodes: HashMap::from([(ROOT_ID, root)]), next_id: ROOT_ID + 1, space }
    }

    /// # Errors
    ///
    /// ESTALE: there is no such node. The kernel never asks for one that it has not been told of, nor
    /// for one that it forgot.
    pub fn node(&self, id: u64) -> Result<&Node, Errno> {
        self.nodes.get(&id).ok_or(Errno::ESTALE)
    }

    /// The same, to be changed.
    pub fn node_mut(&mut self, id: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&id).ok_or(Errno::ESTALE)
    }

    /// A node, and the space that a change of it takes or gives back.
    pub fn node_and_space(&mut self, id: u64) -> Result<(&mut Node, &mut Space), Errno> {
        let node = self.nodes.get_mut(&id).ok_or(Errno::ESTALE)?;
        Ok((node, &mut self.space))
    }

    /// # Errors
    ///
    /// ENOTDIR for anything else.
    pub fn directory(&self, id: u64) -> Result<&Directory, Errno> {
        match &self.node(id)?.content {
            Content::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// The same, to be changed.
    pub fn directory_mut(&mut self, id: u64) -> Result<&mut Directory, Errno> {
        match &mut self.node_mut(id)?.content {
            Content::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Adds a node, which has neither a name nor a reference yet. Its space was taken before.
    pub fn add(&mut self, node: Node) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.nodes.insert(id, node);
        id
    }

    /// Tells the kernel of a node: from here on it has one reference more.
    // ANCHOR: told
    pub fn told(&mut self, id: u64) -> Result<EntryOut, Errno> {
        let node = self.node_mut(id)?;
        node.lookups += 1;
        Ok(EntryOut {
            nodeid: id,
            entry_valid: VALID,
            attr_valid: VALID,
            attr: node.attr(id),
            ..EntryOut::default()
        })
    }
    // ANCHOR_END: told

    /// The kernel gives references back.
    // ANCHOR: forget
    pub fn forget(&mut self, id: u64, references: u64) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.lookups = node.lookups.saturating_sub(references);
            self.drop_if_unused(id);
        }
    }

    /// A node goes when it has no name *and* the kernel has no reference: whichever ends last.
    pub fn drop_if_unused(&mut self, id: u64) {
        if self.nodes.get(&id).is_some_and(|node| node.nlink == 0 && node.lookups == 0)
            && let Some(node) = self.nodes.remove(&id)
        {
            self.space.give_back(node.blocks());
        }
    }
    // ANCHOR_END: forget

    pub fn counters(&self) -> Counters {
        Counters { nodes: self.nodes.len() as u64, blocks: self.space.taken() }
    }
}
