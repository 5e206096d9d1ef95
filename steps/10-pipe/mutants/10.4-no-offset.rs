// Wrong: the bytes go where the file is, not to the offset.
// Caught by: 10-pipe::tests::a_place_in_a_file_is_written
        libc::loff_t::try_from(offset).map_err(|_| Errno::EFBIG)?;
        let len = len.min(self.len());
        let given = splice(&self.reader, None, target, None, len, SpliceFFlags::empty())?;
        self.state.0 -= given;
        Ok(given)
