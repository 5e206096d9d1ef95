// Wrong: GETLK tells the kind of the lock that was asked for, not of the one that is held.
// Caught by: step08::locks::locks_are_as_on_a_file_system_of_the_kernels_own
        match locked(&self.table).conflict(node, family(arg), &wanted(arg)) {
            None => FileLock { r#type: libc::F_UNLCK as u32, ..arg.lk },
            Some(Lock { start, end, pid, .. }) => FileLock { start, end, pid, ..arg.lk },
        }
