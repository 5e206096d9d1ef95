// Wrong: a copy is patched, which the pipe never sees: short data go out with the length that was asked for.
// Caught by: 11-splice-reply::strategy::tests::the_best_is_what_needs_no_more_than_there_is
        match (splice, vmsplice) {
            (Err(_), _) => Strategy::Copy,
            (Ok(()), Vmsplice::Refused(_)) => Strategy::Optimistic,
            (Ok(()), Vmsplice::ByReference | Vmsplice::Copies) => Strategy::Patch,
        }
