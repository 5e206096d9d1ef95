// Wrong: only vmsplice is looked at, also where splice does not work.
// Caught by: step11::refused::a_sandbox_without_vmsplice_or_splice_is_served_in_another_way
        match vmsplice {
            Vmsplice::ByReference => Strategy::Patch,
            _ if splice.is_ok() => Strategy::Optimistic,
            _ => Strategy::Copy,
        }
