// Wrong: who has left is still woken.
// Caught by: 09-notify::tests::a_change_is_told_in_this_order
        if header.nodeid == NEWS {
            self.shared.state().open.remove(&arg.fh);
        }
        Ok(())
