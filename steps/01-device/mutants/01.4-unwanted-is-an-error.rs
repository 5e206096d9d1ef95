// Wrong: ENOENT is an error like any other.
// Caught by: step01::an_answer_that_nobody_waits_for_is_no_error
        nix::unistd::write(&self.0, message)?;
        Ok(Written::Taken)
