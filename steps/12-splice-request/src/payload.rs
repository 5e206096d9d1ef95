//! The data of a WRITE, in a pipe.

use std::io;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::uio::pwrite;
use step05_server::Payload;
use step10_pipe::{Empty, Holding, Pipe};

/// What a request has behind its head. Dropped, it gives the pipe back if nothing is left in it; a pipe
/// with a byte in it would spoil the next request.
pub struct InPipe<'a> {
    /// None once all was read out.
    pipe: Option<Pipe<Holding>>,
    read: Vec<u8>,
    home: &'a mut Option<Pipe<Empty>>,
}

impl<'a> InPipe<'a> {
    pub fn new(pipe: Pipe<Holding>, home: &'a mut Option<Pipe<Empty>>) -> InPipe<'a> {
        InPipe { pipe: Some(pipe), read: Vec::new(), home }
    }
}

impl Payload for InPipe<'_> {
    /// The first call reads out of the pipe what is left in it, and sends the empty pipe home. Each gives the
    /// same bytes.
    ///
    /// # Errors
    ///
    /// What read(2) says. The pipe is lost then.
    fn bytes(&mut self) -> io::Result<&[u8]> {
        // EXERCISE: 12.2
        if let Some(pipe) = self.pipe.take() {
            let (bytes, empty) = pipe.read_all()?;
            self.read = bytes;
            *self.home = Some(empty);
        }
        Ok(&self.read)
        // EXERCISE_END: 12.2
    }

    // ANCHOR: write_to
    fn write_to(&mut self, fd: BorrowedFd<'_>, at: u64) -> io::Result<usize> {
        let mut written = 0;
        while let Some(pipe) = self.pipe.as_mut().filter(|pipe| !pipe.is_empty()) {
            match pipe.give_some(fd, at + written as u64, pipe.len()) {
                Ok(0) => break,
                Ok(count) => written += count,
                Err(Errno::EINTR) => {}
                // Not every file can be spliced to.
                Err(Errno::EINVAL) if written == 0 => return self.copy_to(fd, at),
                // What is written is written: the error comes again with the next WRITE.
                Err(_) if written > 0 => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(written)
    }
    // ANCHOR_END: write_to
}

impl InPipe<'_> {
    /// Writes all of it from memory, where nothing could be spliced: one pwrite(2), and again after EINTR.
    /// Returns how many bytes were written, which may be fewer.
    ///
    /// # Errors
    ///
    /// EFBIG: the offset is more than an `i64` holds. Otherwise what the two calls say.
    fn copy_to(&mut self, fd: BorrowedFd<'_>, at: u64) -> io::Result<usize> {
        // EXERCISE: 12.3
        let at = i64::try_from(at).map_err(|_| Errno::EFBIG)?;
        let bytes = self.bytes()?;
        loop {
            match pwrite(fd, bytes, at) {
                Err(Errno::EINTR) => {}
                written => return Ok(written?),
            }
        }
        // EXERCISE_END: 12.3
    }
}

impl Drop for InPipe<'_> {
    fn drop(&mut self) {
        if let Some(empty) = self.pipe.take().and_then(Pipe::emptied) {
            *self.home = Some(empty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;

    #[test]
    fn a_copy_goes_to_its_place() {
        let mut file = tempfile::tempfile().unwrap();
        let mut home = None;
        let pipe = Pipe::new().unwrap().write(b"payload").unwrap();
        let mut payload = InPipe::new(pipe, &mut home);
        let too_far = payload.copy_to(file.as_fd(), u64::MAX).unwrap_err();
        let errno = too_far.raw_os_error().map(Errno::from_raw);
        assert_eq!(errno, Some(Errno::EFBIG), "no file is that long");
        assert_eq!(payload.copy_to(file.as_fd(), 3).unwrap(), 7, "all of it goes");
        let mut written = String::new();
        file.read_to_string(&mut written).unwrap();
        assert_eq!(written, "\0\0\0payload", "from byte 3 on");
    }
}
