//! The way out, by splice.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::SpliceFFlags;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use step02_wire::encode;
use step03_handshake::TracedDevice;
use step05_server::{Answer, Data, ReplyPath, WritePath};
use step10_pipe::{Holding, Pipe, SLOT_SIZE};

use crate::assemble::{Assembled, Source, assemble};
use crate::counts::{Counts, Reason};
use crate::lanes::{Lane, Lanes, slots_for};
use crate::strategy::Strategy;

/// How answers are to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How headers get their length.
    pub strategy: Strategy,
    /// Answers from files with fewer bytes than this are copied.
    pub threshold: usize,
    /// Lets the kernel move pages out of the source's cache, in place of copying them
    /// (`SPLICE_F_MOVE`).
    pub move_pages: bool,
}

impl Options {
    /// In bytes: below, `cargo xtask bench` has found no gain.
    pub const THRESHOLD: usize = 32 << 10;
}

impl Default for Options {
    fn default() -> Options {
        Options { strategy: Strategy::best(), threshold: Options::THRESHOLD, move_pages: false }
    }
}

/// Data from descriptors go by `splice(2)`, all else by one `write(2)`.
#[derive(Debug)]
pub struct SplicePath {
    device: Arc<TracedDevice>,
    write: WritePath,
    lanes: Lanes,
    options: Options,
    counts: Counts,
}

/// The most data that a READ of this protocol asks for: 32 pages.
const LARGEST_READ: usize = 32 * 4096;

impl SplicePath {
    /// The slots of a pipe that the largest answer takes: one for its header, and those of 32 pages of data
    /// that begin anywhere in a page.
    pub const SLOTS: usize = slots_for(1, LARGEST_READ);

    /// A path to this device.
    pub fn new(device: Arc<TracedDevice>, options: Options) -> SplicePath {
        SplicePath {
            write: WritePath::new(Arc::clone(&device)),
            device,
            lanes: Lanes::of(SplicePath::SLOTS),
            options,
            counts: Counts::default(),
        }
    }

    /// Which way the answers went so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}

// ANCHOR: send
impl ReplyPath for SplicePath {
    fn send(&self, unique: u64, reply: Result<&Answer, Errno>) -> io::Result<()> {
        let Ok(Data::From { fd, offset, len }) = reply.map(Answer::data) else {
            self.counts.written();
            return self.write.send(unique, reply);
        };
        let source = Source { fd: fd.as_fd(), offset: *offset, len: *len };
        if source.offset.is_none() && !self.wait_for(source)? {
            return Ok(());
        }
        match self.spliced(unique, source)? {
            Ok(()) => Ok(()),
            Err(reason) => {
                self.counts.copied(reason);
                self.device.note(format_args!("  copied: {reason}"));
                self.write.send(unique, reply)
            }
        }
    }
}
// ANCHOR_END: send

impl SplicePath {
    /// `Ok(Err(_))`: nothing was sent, and nothing lost. Copy, for this reason.
    fn spliced(&self, unique: u64, source: Source<'_>) -> io::Result<Result<(), Reason>> {
        if self.options.strategy == Strategy::Copy {
            return Ok(Err(Reason::Asked));
        }
        if source.offset.is_some() && source.len < self.options.threshold {
            return Ok(Err(Reason::Small));
        }
        let Ok(lane) = self.lanes.take() else { return Ok(Err(Reason::NoPipe)) };
        if source.offset.is_some_and(|offset| slots_for(offset, source.len) > lane.slots) {
            self.lanes.give_back(lane);
            return Ok(Err(Reason::PipeTooSmall));
        }
        match assemble(lane, self.options.strategy, unique, source) {
            Assembled::Not(reason) => Ok(Err(reason)),
            Assembled::InMemory(data) => {
                self.counts.copied(Reason::NoPipe);
                self.device.write_message(&encode::reply(unique, &data))?;
                Ok(Ok(()))
            }
            Assembled::Refused(errno) => {
                self.counts.written();
                self.write.send(unique, Err(errno)).map(Ok)
            }
            Assembled::Message { pipe, slot, slots, header } => {
                match pipe.give(self.device.as_fd(), self.flags()) {
                    Ok(pipe) => {
                        let strategy = self.options.strategy;
                        self.device.sent(&header, format_args!(", spliced ({strategy})"));
                        self.counts.spliced(strategy);
                        self.lanes.give_back(Lane { pipe, slot, slots });
                        Ok(Ok(()))
                    }
                    // The pipe is not used again, whatever is in it.
                    Err((pipe, errno)) => self.not_taken(unique, source, pipe, errno),
                }
            }
        }
    }

    /// The device did not take a message. What is still owed, and what is still there?
    // ANCHOR: not_taken
    fn not_taken(
        &self,
        unique: u64,
        source: Source<'_>,
        pipe: Pipe<Holding>,
        errno: Errno,
    ) -> io::Result<Result<(), Reason>> {
        // Nobody waits for it any more.
        if errno == Errno::ENOENT {
            return Ok(Ok(()));
        }
        // A file is read once more. If the request has ended already, that answer is unwanted, and no
        // harm.
        if source.offset.is_some() {
            return Ok(Err(Reason::Device));
        }
        // A stream's bytes are in the pipe, or lost.
        if pipe.counted()? != pipe.len() {
            return Err(errno.into());
        }
        let (message, _) = pipe.read_all()?;
        self.counts.copied(Reason::Device);
        self.device.write_message(&encode::reply(unique, &message[SLOT_SIZE..]))?;
        Ok(Ok(()))
    }
    // ANCHOR_END: not_taken

    /// Waits until a stream has something, or its end: by poll(2), for as long as it takes, and on after EINTR.
    /// False, whatever the stream has: the file system was unmounted meanwhile. The device, polled too, says so
    /// by an error (POLLERR), and by nothing else.
    ///
    /// # Errors
    ///
    /// What else poll(2) says.
    fn wait_for(&self, source: Source<'_>) -> io::Result<bool> {
        // EXERCISE: 11.4
        let mut polled = [
            PollFd::new(source.fd, PollFlags::POLLIN),
            // A poll of a device whose connection has ended reports an error (`fuse_dev_poll`).
            PollFd::new(self.device.as_fd(), PollFlags::empty()),
        ];
        loop {
            match poll(&mut polled, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(_) => return Ok(polled[1].revents().is_none_or(|events| events.is_empty())),
            }
        }
        // EXERCISE_END: 11.4
    }

    fn flags(&self) -> SpliceFFlags {
        if self.options.move_pages { SpliceFFlags::SPLICE_F_MOVE } else { SpliceFFlags::empty() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{PipeReader, Write, pipe};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};
    use step01_device::Device;

    fn path(device: impl Into<OwnedFd>) -> Arc<SplicePath> {
        let device = TracedDevice::new(Device::from(device.into()), None);
        let options = Options { strategy: Strategy::Copy, threshold: 1, move_pages: false };
        Arc::new(SplicePath::new(Arc::new(device), options))
    }

    /// Waits in a thread of its own, which need not end.
    fn waiting(path: &Arc<SplicePath>, stream: PipeReader) -> JoinHandle<bool> {
        let path = Arc::clone(path);
        thread::spawn(move || {
            let source = Source { fd: stream.as_fd(), offset: None, len: 100 };
            path.wait_for(source).unwrap()
        })
    }

    fn still_waits(waiting: &JoinHandle<bool>) -> bool {
        thread::sleep(Duration::from_millis(50));
        !waiting.is_finished()
    }

    fn told(waiting: JoinHandle<bool>) -> bool {
        let start = Instant::now();
        while !waiting.is_finished() {
            assert!(start.elapsed() < Duration::from_secs(10), "it waits for ever");
            thread::sleep(Duration::from_millis(1));
        }
        waiting.join().unwrap()
    }

    #[test]
    fn a_stream_is_waited_for_until_it_has_something_or_its_end() {
        // A device with a request in it: that is for others.
        let (ours, mut kernel) = UnixStream::pair().unwrap();
        kernel.write_all(b"a request").unwrap();
        let path = path(ours);
        let (stream, mut peer) = pipe().unwrap();
        let waits = waiting(&path, stream);
        assert!(still_waits(&waits), "a request on the device ends no waiting for a stream");
        peer.write_all(b"something").unwrap();
        assert!(told(waits), "a request on the device is not its end");
        let (stream, peer) = pipe().unwrap();
        drop(peer);
        assert!(told(waiting(&path, stream)), "its end is something, too");
    }

    #[test]
    fn nobody_waits_for_a_stream_once_the_device_has_ended() {
        let (kernel, ours) = pipe().unwrap();
        let path = path(ours);
        let (stream, _peer) = pipe().unwrap();
        let waits = waiting(&path, stream);
        assert!(still_waits(&waits), "neither the stream nor the device has anything to say");
        // From now on poll(2) finds POLLERR.
        drop(kernel);
        assert!(!told(waits), "the device has ended");
        let (stream, mut peer) = pipe().unwrap();
        peer.write_all(b"too late").unwrap();
        assert!(!told(waiting(&path, stream)), "the device has ended, whatever the stream has");
    }
}
