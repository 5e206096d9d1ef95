// Wrong: the pipe is said to hold as much as there was room for.
// Caught by: 10-pipe::tests::a_message_is_received_or_the_empty_pipe_comes_back
        match splice(source, None, &self.writer, None, len, SpliceFFlags::empty()) {
            Ok(_) => Ok(self.with(Holding(len))),
            Err(errno) => Err((self, errno)),
        }
