// Wrong: the server wishes POSIX_LOCKS, and has no table of locks.
// Caught by: step03::agrees_and_shows_the_next_question
        Wishes {
            flags: InitFlags::ASYNC_READ | InitFlags::POSIX_LOCKS | InitFlags::BIG_WRITES,
            max_readahead: MOST,
            max_write: MOST,
            max_background: 0,
            congestion_threshold: 0,
        }
