// Wrong: all flags of open(2) are compared with O_RDONLY, not the access mode alone.
// Caught by: step09::a_change_is_seen_at_once_though_all_is_cached
        if arg.flags != libc::O_RDONLY as u32 {
            return Err(Errno::EROFS);
        }
        let mut open = OpenOut { open_flags: OpenReplyFlags::KEEP_CACHE, ..OpenOut::default() };
        if header.nodeid == NEWS {
            let state = &mut *self.shared.state();
            open.fh = state.next_handle;
            state.next_handle += 1;
            state.open.insert(open.fh, state.told);
        }
        Ok(open)
