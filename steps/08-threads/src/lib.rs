//! Many at once.
//!
//! Up to here one request was answered before the next was read. A client that waits for a slow disk then
//! keeps all others waiting. This step adds what it takes to do better, and edits nothing below it:
//!
//! * [`serve_many`] is a loop of several *workers*: threads that read from one device.
//! * An operation that takes long need not keep a worker. It keeps its [`Owed`](step05_server::Owed), gives
//!   its thread back, and answers when it can.
//! * [`Interrupts`] knows what is in flight. A client that was sent a signal wants to give up (INTERRUPT,
//!   7.7): an operation can ask whether it was interrupted, or be told.
//! * [`Locks`] keeps the locks of fcntl(2) and flock(2), with owners and ranges, and lets those wait who
//!   want to.
//!
//! The last two are *layers*: each is a [`Handler`](step05_server::Handler) around another.

#![forbid(unsafe_code)]

mod interrupts;
mod locks;
mod workers;

pub use interrupts::{Interruptible, Interrupts};
pub use locks::Locks;
pub use workers::{default_workers, serve_many};

#[cfg(test)]
mod tests;
