// Wrong: how many requests may wait in the background is agreed, and not told.
// Caught by: 03-handshake::negotiate::tests::each_number_has_its_own_place_in_the_answer
        let Outcome::Agreed(agreed) = self else {
            return InitOut {
                major: KERNEL_VERSION,
                minor: KERNEL_MINOR_VERSION,
                ..InitOut::default()
            };
        };
        InitOut {
            major: KERNEL_VERSION,
            minor: agreed.minor,
            max_readahead: agreed.max_readahead,
            flags: agreed.flags,
            max_write: agreed.max_write,
            ..InitOut::default()
        }
