//! The reply path of protocol 7.14: data go from a descriptor through a pipe to the kernel, and no user
//! space sees them.
//!
//! [`SplicePath`] stands behind the seam of step 05: it is another
//! [`ReplyPath`](step05_server::ReplyPath). File systems do not know of it. An answer that says *from this
//! descriptor* ([`Data::From`](step05_server::Data::From)) is built in a pipe, header first, and handed
//! over in a single `splice(2)`. How its header gets the right length is the [`Strategy`].
//!
//! Whatever goes wrong, exactly one answer leaves. A pipe in doubt is thrown away, and the answer takes the
//! way of step 05; [`Counts`] says how often, and why.

#![forbid(unsafe_code)]

mod assemble;
mod counts;
mod lanes;
mod path;
mod strategy;

pub use counts::{Counts, Reason};
pub use path::{Options, SplicePath};
pub use strategy::Strategy;
