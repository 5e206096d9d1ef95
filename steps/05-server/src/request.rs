//! The way in.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::uio::pwrite;
use step01_device::{BUFFER_SIZE, ReadFault};
use step02_wire::abi::InHeader;
use step02_wire::{Operation, head_len};
use step03_handshake::TracedDevice;
use zerocopy::FromBytes;

/// The data of a WRITE, which need not be in memory.
// ANCHOR: payload
pub trait Payload {
    /// All of them, in memory.
    fn bytes(&mut self) -> io::Result<&[u8]>;

    /// Writes them to `fd`, from offset `at` on; returns how many bytes were written. That may be fewer
    /// than there are, when the space runs out: what was written is not lost for the error that follows.
    fn write_to(&mut self, fd: BorrowedFd<'_>, at: u64) -> io::Result<usize>;
}
// ANCHOR_END: payload

/// One message from the kernel: its head for the decoder, and what comes after it.
pub struct Message<'a> {
    /// At least [`head_len`] bytes.
    pub head: &'a [u8],
    /// The data of a WRITE; of all other requests nothing.
    pub payload: Box<dyn Payload + 'a>,
}

impl<'a> Message<'a> {
    /// A message that was read whole: what its head does not need is payload.
    pub fn in_memory(message: &'a [u8]) -> Message<'a> {
        let whole = message.len();
        let head =
            InHeader::read_from_prefix(message).map_or(whole, |(header, _)| head_len(&header));
        let (head, payload) = message.split_at(head.min(whole));
        Message { head, payload: Box::new(InMemory(payload)) }
    }
}

/// Brings requests. Step 12 has another.
pub trait RequestPath: Send {
    /// Waits for the next; `None` after the file system was unmounted.
    fn next(&mut self) -> io::Result<Option<Message<'_>>>;
}

/// A request, decoded, on its way to a [`Handler`](crate::Handler).
pub struct Request<'a> {
    /// Its header: node, caller, number.
    pub header: &'a InHeader,
    /// What it asks.
    pub operation: Operation<'a>,
    /// The data of a WRITE.
    pub payload: &'a mut dyn Payload,
}

/// One `read(2)` for each request.
#[derive(Debug)]
pub struct ReadPath {
    device: Arc<TracedDevice>,
    buffer: Vec<u8>,
}

impl ReadPath {
    /// A path from this device.
    pub fn new(device: Arc<TracedDevice>) -> ReadPath {
        ReadPath { device, buffer: vec![0; BUFFER_SIZE] }
    }
}

impl RequestPath for ReadPath {
    fn next(&mut self) -> io::Result<Option<Message<'_>>> {
        let length = loop {
            match self.device.read_message(&mut self.buffer) {
                Ok(message) => break message.len(),
                Err(ReadFault::Again) => {}
                Err(ReadFault::Unmounted) => return Ok(None),
                Err(ReadFault::Fatal(error)) => return Err(error),
            }
        };
        Ok(Some(Message::in_memory(&self.buffer[..length])))
    }
}

/// A payload that `read(2)` brought along.
struct InMemory<'a>(&'a [u8]);

impl Payload for InMemory<'_> {
    fn bytes(&mut self) -> io::Result<&[u8]> {
        Ok(self.0)
    }

    fn write_to(&mut self, fd: BorrowedFd<'_>, at: u64) -> io::Result<usize> {
        let at = i64::try_from(at).map_err(|_| Errno::EFBIG)?;
        loop {
            match pwrite(fd, self.0, at) {
                Err(Errno::EINTR) => continue,
                written => return Ok(written?),
            }
        }
    }
}
