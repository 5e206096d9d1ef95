// Wrong: what is still in the pipe is not written: nothing is.
// Caught by: 12-splice-request::tests::a_target_that_cannot_be_spliced_to_is_written
        let at = i64::try_from(at).map_err(|_| Errno::EFBIG)?;
        loop {
            match pwrite(fd, &self.read, at) {
                Err(Errno::EINTR) => {}
                written => return Ok(written?),
            }
        }
