// Wrong: the answer has our minor version, also to a kernel whose own is lower.
// Caught by: 03-handshake::negotiate::tests::the_smaller_minor_wins
        let Outcome::Agreed(agreed) = self else {
            return InitOut {
                major: KERNEL_VERSION,
                minor: KERNEL_MINOR_VERSION,
                ..InitOut::default()
            };
        };
        InitOut {
            major: KERNEL_VERSION,
            minor: KERNEL_MINOR_VERSION,
            max_readahead: agreed.max_readahead,
            flags: agreed.flags,
            max_background: agreed.max_background,
            congestion_threshold: agreed.congestion_threshold,
            max_write: agreed.max_write,
        }
