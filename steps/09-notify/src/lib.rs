//! The server speaks first.
//!
//! Until now every message of ours was an answer. Here are those that nobody asked for: *forget what you
//! have cached of this file*, *forget this name*, *wake whoever waits for this file*.
//!
//! * [`Notifier`] writes them, one `write(2)` each. The kernel takes locks while it handles them, which a
//!   request under way may hold; so there is a rule for who may use it.
//! * [`Queue`] is the way for everybody else: it takes what there is to tell, and returns at once. A
//!   thread of its own, the [`Courier`], brings it to the kernel.
//! * [`Polls`] knows who waits in poll(2).
//! * [`News`] is a file system that changes by itself, and uses all of it; [`Command`] is its ioctl(2).

#![forbid(unsafe_code)]

mod command;
mod news;
mod notifier;
mod polls;
mod queue;

pub use command::{COUNT, Command, EVERY, NOW};
pub use news::News;
pub use notifier::{Notifier, Told};
pub use polls::Polls;
pub use queue::{Courier, Queue};

#[cfg(test)]
mod tests;
