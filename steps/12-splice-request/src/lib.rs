//! The way in by splice: what a client writes goes from the kernel through a pipe to the file.
//!
//! [`SpliceRequests`] stands behind the other seam of step 05: it is another
//! [`RequestPath`](step05_server::RequestPath). A request comes whole into a pipe. Its head is read out, for
//! the same decoder as ever. The data of a WRITE stay where they are, until the file system says where
//! they are to go ([`Payload::write_to`](step05_server::Payload::write_to)).

#![forbid(unsafe_code)]

mod payload;
mod requests;

pub use requests::SpliceRequests;

#[cfg(test)]
mod tests;
