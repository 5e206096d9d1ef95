//! The way in.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use step01_device::{BUFFER_SIZE, ReadFault};
use step02_wire::abi::{InHeader, WireStruct, WriteIn};
use step02_wire::head_len;
use step03_handshake::TracedDevice;
use step05_server::{Message, ReadPath, RequestPath};
use step10_pipe::{Empty, Holding, PAGE, Pipe};
use zerocopy::FromBytes;

use crate::payload::InPipe;

/// One `splice(2)` for each request, and one `read(2)` for its head.
#[derive(Debug)]
pub struct SpliceRequests {
    device: Arc<TracedDevice>,
    pipe: Option<Pipe<Empty>>,
    head: Vec<u8>,
    /// For when no pipe is large enough,
    read: ReadPath,
    /// which was found out once, and is not tried again.
    refused: bool,
}

/// The kernel puts each page of a WRITE into a slot of its own, and what is before them into one or two
/// more. With less room than the largest request takes it says EINVAL, however small the one is that
/// waits, and takes none from its queue (`fuse_dev_do_read`): nothing is lost, and nothing gained.
const SLOTS: usize = BUFFER_SIZE / PAGE + 3;

impl SpliceRequests {
    /// Requests from this device.
    pub fn new(device: Arc<TracedDevice>) -> SpliceRequests {
        let read = ReadPath::new(Arc::clone(&device));
        SpliceRequests { device, pipe: None, head: vec![0; BUFFER_SIZE], read, refused: false }
    }

    /// An empty pipe that is large enough, if one can be had.
    fn pipe(&mut self) -> Option<Pipe<Empty>> {
        if self.pipe.is_none() && !self.refused {
            self.pipe = large_pipe();
            self.refused = self.pipe.is_none();
        }
        self.pipe.take()
    }

    /// Reads the head of the request that is in the pipe; returns its length.
    // ANCHOR: head
    fn read_head(&mut self, pipe: &mut Pipe<Holding>) -> io::Result<usize> {
        // Of a WRITE exactly its head. Many others are no longer than that.
        let mut length = pipe.read(&mut self.head[..InHeader::SIZE + WriteIn::SIZE])?;
        if let Ok((header, _)) = InHeader::read_from_prefix(&self.head[..length]) {
            let end = head_len(&header).clamp(length, self.head.len());
            length += pipe.read(&mut self.head[length..end])?;
        }
        Ok(length)
    }
    // ANCHOR_END: head
}

/// A pipe that has [`SLOTS`] slots, or more. None: no pipe is to be had, or it may not grow so large.
///
/// What counts is how many it has in the end. That it may not grow says nothing, if it is large enough.
fn large_pipe() -> Option<Pipe<Empty>> {
    // EXERCISE: 12.1
    let mut pipe = Pipe::new().ok()?;
    // A pipe that may not grow is as large as it is.
    let _ = pipe.grow(SLOTS * PAGE);
    pipe.slots().is_ok_and(|slots| slots >= SLOTS).then_some(pipe)
    // EXERCISE_END: 12.1
}

// ANCHOR: next
impl RequestPath for SpliceRequests {
    fn next(&mut self) -> io::Result<Option<Message<'_>>> {
        let (pipe, length) = loop {
            let Some(pipe) = self.pipe() else { return self.read.next() };
            match pipe.receive(self.device.as_fd(), BUFFER_SIZE) {
                Ok(mut pipe) => {
                    let length = self.read_head(&mut pipe)?;
                    break (pipe, length);
                }
                Err((pipe, errno)) => match ReadFault::from(errno) {
                    ReadFault::Again => self.pipe = Some(pipe),
                    ReadFault::Unmounted => return Ok(None),
                    // Nothing was taken from the queue: read(2) will have it, or say what is wrong.
                    ReadFault::Fatal(_) => return self.read.next(),
                },
            }
        };
        self.device.received(&self.head[..length]);
        let head = &self.head[..length];
        Ok(Some(Message { head, payload: Box::new(InPipe::new(pipe, &mut self.pipe)) }))
    }
}
// ANCHOR_END: next

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_request_has_room() {
        let pipe = large_pipe().expect("a pipe of SLOTS slots can be had here");
        assert!(pipe.slots().unwrap() >= SLOTS);
        assert!(pipe.capacity().unwrap() >= BUFFER_SIZE);
    }
}
