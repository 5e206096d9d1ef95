//! A file system in memory, that reads and writes.
//!
//! Its one new idea is *lifetime*. A node is known by two parties: by the tree, which counts its names
//! (`nlink`), and by the kernel, whose references we count for it (the lookup count). It goes when both
//! counts are 0, and not before: so an unlinked file lives on for as long as somebody has it open.
//!
//! * [`Memfs`] is the [`Filesystem`](step05_server::Filesystem): every operation in a few lines.
//! * Below it, the tree: all nodes by their ids, with the names that lead to them, and the rules for
//!   links, renames and times.
//! * Below that, what a node is made of: a directory's entries with their cookies, a file's pages with
//!   holes between them; and the space that all of it may take.
//!
//! Nothing here asks whether the caller may do what it asks: mount it with `default_permissions`, and
//! the kernel does, by the modes and owners that we report.

#![forbid(unsafe_code)]

mod directory;
mod memfs;
mod names;
mod node;
mod pages;
mod space;
mod time;
mod tree;

pub use memfs::Memfs;
pub use space::parse_size;
pub use tree::Counters;

#[cfg(test)]
mod tests;
