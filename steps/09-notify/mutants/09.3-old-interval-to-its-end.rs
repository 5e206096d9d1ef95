// Wrong: a new interval is heard of only when the old one has passed.
// Caught by: 09-notify::tests::the_clock_can_be_set_and_ends
        let state = self.state();
        let timeout = if state.every.is_zero() { Duration::MAX } else { state.every };
        let waited = self.clock.wait_timeout_while(state, timeout, |state| !state.over);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !state.over
