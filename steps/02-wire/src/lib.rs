//! The bytes have names.
//!
//! Step 01 read one message from `/dev/fuse` and could only show its bytes. This step gives each
//! byte its name: every struct, opcode and flag of protocol 7.14, in the order in which a message
//! meets them.
//!
//! * [`abi`] is `<linux/fuse.h>` in Rust: layouts and numbers, no logic.
//! * [`decode`] turns a request's bytes into an [`Operation`], or says what is wrong with them
//!   ([`Malformed`]).
//! * [`encode`] builds replies and notifications; [`Dirents`] builds the listing of a directory.
//! * [`reply`] reads a reply back. A server never needs that. A trace does.
//! * [`display`] prints a message as one line, [`Trace`] joins replies to their requests, and
//!   [`fields`] prints a message field by field.
//!
//! Numbers are in the byte order of the machine: both ends of `/dev/fuse` run on the same one.
//!
//! Left out: everything newer than 7.14. A request that 7.14 does not know decodes to
//! [`Operation::Unknown`], and flag bits that it does not know are kept, without a name.

#![forbid(unsafe_code)]

pub mod abi;
mod cursor;
mod decode;
mod dirents;
pub mod display;
pub mod encode;
pub mod fields;
mod malformed;
mod operation;
pub mod reply;
mod trace;
mod values;

pub use abi::{InHeader, Opcode, OutHeader};
pub use decode::{decode, head_len};
pub use dirents::{Dirents, dirents};
pub use malformed::{Malformed, Problem};
pub use operation::Operation;
pub use reply::{Question, Reply, decode_reply};
pub use trace::{Trace, TraceStyle};
