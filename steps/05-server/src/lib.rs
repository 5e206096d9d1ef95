//! The loop leaves the file system.
//!
//! Step 04 was one program: a loop, a `match`, and every reply made by hand. Here the loop becomes a
//! library with a few seams, so that later steps add to it and nobody edits it:
//!
//! * [`RequestPath`] brings requests in: by `read(2)` here ([`ReadPath`]), by `splice(2)` in step 12.
//! * [`ReplyPath`] takes answers out: by `write(2)` here ([`WritePath`]), by `splice(2)` in step 11. An
//!   [`Answer`] therefore says *what* goes back, and not how: [`Data`] may still be in a descriptor.
//! * [`Owed`] is the one answer that a request is owed. Whoever holds it answers, once; whoever drops it
//!   has answered EIO.
//! * [`Handler`] is the low door: it sees each request whole, and may keep what is owed and give its
//!   thread back. [`Filesystem`] is the high door: typed, and answered at once. [`Files`] leads from
//!   one to the other.
//! * [`serve`] is the loop, and [`Session`] all of it together.

#![forbid(unsafe_code)]

mod answer;
mod files;
mod filesystem;
mod owed;
mod reply;
mod request;
mod rules;
mod serve;
mod session;

pub use answer::{Answer, Data};
pub use files::Files;
pub use filesystem::Filesystem;
pub use owed::Owed;
pub use reply::{ReplyPath, WritePath};
pub use request::{Message, Payload, ReadPath, Request, RequestPath};
pub use rules::{Body, body_of_the_answer};
pub use serve::{Handler, serve};
pub use session::{ServeError, Session};

#[cfg(test)]
mod tests;
