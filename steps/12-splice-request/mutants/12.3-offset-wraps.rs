// Wrong: an offset beyond an `i64` becomes a negative one: EINVAL, not EFBIG.
// Caught by: 12-splice-request::payload::tests::a_copy_goes_to_its_place
        let bytes = self.bytes()?;
        loop {
            match pwrite(fd, bytes, at as i64) {
                Err(Errno::EINTR) => {}
                written => return Ok(written?),
            }
        }
