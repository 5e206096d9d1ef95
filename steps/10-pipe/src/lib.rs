//! Pipes, as plumbing: no FUSE in here.
//!
//! A pipe is a row of *slots*, each of which refers to a page, or to a part of one. Bytes come in by
//! `write(2)`, which copies them, or by reference: by `splice(2)` from a file, a block device, a socket
//! or another pipe, by `vmsplice(2)` from our own memory. They leave in the same ways.
//!
//! * [`Pipe`] carries its state in its type: a [`Pipe<Empty>`](Empty) may be used for a new message, a
//!   [`Pipe<Holding>`](Holding) has one in it. No path leads back from the one to the other but to give
//!   away all that is held. So a byte that was left over cannot get into the next message.
//! * [`Taken`] says why a source gave no more: four reasons, and only one is the end of a file.
//! * [`Slot`] is memory for a header that may still be changed while it is in the pipe.
//! * [`probe_vmsplice`] finds out whether that works here.

mod pipe;
mod probe;
mod slot;
mod take;

pub use pipe::{Empty, Holding, Pipe};
pub use probe::{Vmsplice, probe_splice, probe_vmsplice};
pub use slot::{SLOT_SIZE, Slot};
pub use take::{Stop, Taken};

/// The size of a page, which is what a slot refers to at most. In bytes.
pub const PAGE: usize = 4096;

#[cfg(test)]
mod tests;
