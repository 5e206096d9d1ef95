//! Any directory, mirrored by copying.
//!
//! The file system that we stand in for has names, nodes and open files already. So this crate is about
//! keeping hold of them:
//!
//! * a *node* is a descriptor opened with O_PATH. It holds on to the file itself, and not to its name:
//!   whoever renames it behind our back does not matter, and no symbolic link leads us astray;
//! * a *handle* is a descriptor opened for reading or writing, one for each OPEN;
//! * a *name* is only ever looked up in a node, one name at a time, and never followed.
//!
//! [`Mirror`] is the [`Filesystem`](step05_server::Filesystem). What it reads it does not touch: an
//! answer to READ says from which descriptor, and whoever sends it fetches the bytes. Step 11 does that
//! without looking at them.
//!
//! The server is root, its clients are not. The kernel checks what they may do (`default_permissions`,
//! see [`mount_options`]), and what is created belongs to its creator.

mod attributes;
mod caller;
mod handles;
mod listing;
mod mirror;
mod nodes;
mod options;
mod source;
mod xattr;

pub use mirror::{Counters, Mirror};
pub use options::{Unchecked, mount_options, raise_descriptor_limit};
pub use source::SourceError;

#[cfg(test)]
mod tests;
