//! How a header gets its length, when it must go into the pipe before the data.

use std::fmt;
use std::str::FromStr;

use nix::errno::Errno;
use step10_pipe::{Vmsplice, probe_splice, probe_vmsplice};

/// A way to build an answer whose length is known last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// ANCHOR: strategy
pub enum Strategy {
    /// The way of the commit that brought splice to FUSE: the pipe refers to the header's memory
    /// (`vmsplice(2)`), and the true length is written there afterwards.
    Patch,
    /// The header goes in as a copy (`write(2)`), with the length that was asked for. If fewer bytes
    /// came, they move to a second pipe, behind a new header.
    Optimistic,
    /// No pipe: the data are copied, as in step 05.
    Copy,
}
// ANCHOR_END: strategy

impl Strategy {
    /// The best that works here.
    pub fn best() -> Strategy {
        Strategy::best_of(probe_splice(), probe_vmsplice())
    }

    /// The best, where this is what the probes have found: in the order of [`Strategy`], the first that works.
    /// Without splice(2) no pipe is of use.
    pub fn best_of(splice: Result<(), Errno>, vmsplice: Vmsplice) -> Strategy {
        // EXERCISE: 11.2
        match (splice, vmsplice) {
            (Err(_), _) => Strategy::Copy,
            (Ok(()), Vmsplice::ByReference) => Strategy::Patch,
            (Ok(()), Vmsplice::Copies | Vmsplice::Refused(_)) => Strategy::Optimistic,
        }
        // EXERCISE_END: 11.2
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Strategy::Patch => "patch",
            Strategy::Optimistic => "optimistic",
            Strategy::Copy => "copy",
        })
    }
}

impl FromStr for Strategy {
    type Err = String;

    fn from_str(name: &str) -> Result<Strategy, String> {
        let all = [Strategy::Patch, Strategy::Optimistic, Strategy::Copy];
        let named = all.into_iter().find(|strategy| strategy.to_string() == name);
        named.ok_or_else(|| "the strategies are patch, optimistic and copy".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_what_needs_no_more_than_there_is() {
        let all = [Vmsplice::ByReference, Vmsplice::Copies, Vmsplice::Refused(Errno::EPERM)];
        let best = |splice| all.map(|vmsplice| Strategy::best_of(splice, vmsplice));
        let (patch, optimistic) = (Strategy::Patch, Strategy::Optimistic);
        assert_eq!(
            best(Ok(())),
            [patch, optimistic, optimistic],
            "with splice, and vmsplice: {all:?}"
        );
        assert_eq!(best(Err(Errno::EPERM)), [Strategy::Copy; 3], "without splice");
    }
}
