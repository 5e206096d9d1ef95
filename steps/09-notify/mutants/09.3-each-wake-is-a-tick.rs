// Wrong: whatever wakes the thread is a tick, a new interval too.
// Caught by: 09-notify::tests::the_clock_can_be_set_and_ends
        let state = self.state();
        if state.over {
            return false;
        }
        let timeout = if state.every.is_zero() { Duration::MAX } else { state.every };
        let waited = self.clock.wait_timeout(state, timeout);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.over
