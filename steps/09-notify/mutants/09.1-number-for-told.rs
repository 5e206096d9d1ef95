// Wrong: a new handle counts as told of a change whose errand is still on its way.
// Caught by: 09-notify::tests::nobody_hears_of_a_change_before_the_kernel_does
        if arg.flags & libc::O_ACCMODE as u32 != libc::O_RDONLY as u32 {
            return Err(Errno::EROFS);
        }
        let mut open = OpenOut { open_flags: OpenReplyFlags::KEEP_CACHE, ..OpenOut::default() };
        if header.nodeid == NEWS {
            let state = &mut *self.shared.state();
            open.fh = state.next_handle;
            state.next_handle += 1;
            state.open.insert(open.fh, state.number);
        }
        Ok(open)
