// Wrong: a write that falls short is taken for all of it.
// Caught by: 10-pipe::tests::a_copy_goes_in_whole_or_not_at_all
        let written = write(&self.writer, bytes)?;
        Ok(self.with(Holding(written)))
