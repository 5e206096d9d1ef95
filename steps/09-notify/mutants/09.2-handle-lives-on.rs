// Wrong: a handle that was released is as good as before.
// Caught by: 09-notify::tests::each_change_is_told_once_to_each_open_file
        if header.nodeid == NEWS {
            self.shared.polls.forget(arg.fh);
        }
        Ok(())
