//! The times of a node.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds and nanoseconds since 1970; before that, the seconds are negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

impl Time {
    /// The present.
    pub fn now() -> Time {
        // A clock that stands before 1970 is wrong anyway.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Time { seconds: since.as_secs() as i64, nanoseconds: since.subsec_nanos() }
    }

    /// As it stands in a message: the kernel puts a signed number into an unsigned field.
    pub fn from_wire(seconds: u64, nanoseconds: u32) -> Time {
        Time { seconds: seconds as i64, nanoseconds }
    }
}
