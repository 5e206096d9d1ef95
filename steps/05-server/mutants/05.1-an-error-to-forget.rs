// Wrong: an error goes out to FORGET, too.
// Caught by: 05-server::tests::an_answer_to_forget_is_not_sent
        catch_unwind(AssertUnwindSafe(|| self.path.send(self.unique, reply)))
            .unwrap_or_else(|_| Err(io::Error::other("the reply path panicked")))
