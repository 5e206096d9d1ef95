//! What goes back to the kernel: what, not how.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use step02_wire::abi::WireStruct;

/// Bytes for a client, here or still somewhere else.
#[derive(Debug, Clone)]
// ANCHOR: data
pub enum Data {
    /// They are here.
    Bytes(Vec<u8>),
    /// They are in a file, a block device, a socket or a pipe. Whoever sends the answer fetches them.
    From {
        /// Where.
        fd: Arc<OwnedFd>,
        /// From which offset on, in bytes; `None`: from a stream, which has no offsets.
        offset: Option<u64>,
        /// At most so many bytes. At the end of the file, or of what a stream has, it may be fewer.
        len: usize,
    },
}
// ANCHOR_END: data

/// The body of a good answer.
#[derive(Debug, Clone)]
pub struct Answer(Data);

impl Answer {
    /// An answer without a body: it went well, and that is all.
    pub fn empty() -> Answer {
        Answer(Data::Bytes(Vec::new()))
    }

    /// A struct of the protocol.
    pub fn of(body: &impl WireStruct) -> Answer {
        Answer(Data::Bytes(body.as_bytes().to_vec()))
    }

    /// The body.
    pub fn data(&self) -> &Data {
        &self.0
    }

    /// The most bytes that the body can have.
    pub fn max_len(&self) -> usize {
        match &self.0 {
            Data::Bytes(bytes) => bytes.len(),
            Data::From { len, .. } => *len,
        }
    }
}

impl From<Data> for Answer {
    fn from(data: Data) -> Answer {
        Answer(data)
    }
}

impl From<Vec<u8>> for Answer {
    fn from(bytes: Vec<u8>) -> Answer {
        Answer(Data::Bytes(bytes))
    }
}
