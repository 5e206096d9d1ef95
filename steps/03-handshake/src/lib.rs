//! The handshake: INIT comes first, and until it is answered every client of the mount waits.
//!
//! [`negotiate`] is the thinking: a pure function from what the kernel offers and what the server
//! wishes to what both agree on. [`handshake`] is the doing: it reads INIT from the device and
//! answers it. [`TracedDevice`] is the device of step 01 with the trace of step 02 on it.

#![forbid(unsafe_code)]

mod handshake;
mod negotiate;
mod traced;

pub use handshake::{HandshakeError, handshake};
pub use negotiate::{Agreement, OLDEST_MINOR, Outcome, Refusal, Wishes, negotiate};
pub use traced::TracedDevice;
