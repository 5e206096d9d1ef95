//! Which way the answers went.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::strategy::Strategy;

/// Why data that could have been spliced were copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The strategy is to copy.
    Asked,
    /// Fewer bytes than the threshold: a pipe would gain nothing.
    Small,
    /// The pipe has too few slots for so many pages, and may not grow.
    PipeTooSmall,
    /// No pipe can be made: EMFILE, ENFILE.
    NoPipe,
    /// Its header cannot be put into the pipe: vmsplice is refused.
    NoHeader,
    /// The source cannot be spliced, or not at this place.
    Source,
    /// The device did not take it.
    Device,
}

const REASONS: [(Reason, &str); 7] = [
    (Reason::Asked, "as asked"),
    (Reason::Small, "too small to gain"),
    (Reason::PipeTooSmall, "pipe too small"),
    (Reason::NoPipe, "no pipe"),
    (Reason::NoHeader, "vmsplice refused"),
    (Reason::Source, "source cannot be spliced"),
    (Reason::Device, "refused by the device"),
];

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = REASONS.iter().find(|(reason, _)| reason == self);
        f.write_str(named.map_or("", |(_, name)| name))
    }
}

/// How many answers went which way.
#[derive(Debug, Default)]
pub struct Counts {
    patch: AtomicU64,
    optimistic: AtomicU64,
    copied: [AtomicU64; REASONS.len()],
    written: AtomicU64,
}

impl Counts {
    pub(crate) fn spliced(&self, strategy: Strategy) {
        match strategy {
            Strategy::Patch => self.patch.fetch_add(1, Ordering::Relaxed),
            Strategy::Optimistic => self.optimistic.fetch_add(1, Ordering::Relaxed),
            Strategy::Copy => self.written.fetch_add(1, Ordering::Relaxed),
        };
    }

    pub(crate) fn copied(&self, reason: Reason) {
        self.copied[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn written(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    /// How many answers were spliced.
    pub fn of_splices(&self) -> u64 {
        self.patch.load(Ordering::Relaxed) + self.optimistic.load(Ordering::Relaxed)
    }

    /// How many were copied for this reason.
    pub fn of(&self, reason: Reason) -> u64 {
        self.copied[reason as usize].load(Ordering::Relaxed)
    }
}

/// `spliced 812 (patch 812), copied 3 (too small to gain 3), written 97`
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let list = |f: &mut fmt::Formatter<'_>, name: &str, parts: &[(&str, u64)]| {
            write!(f, "{name} {}", parts.iter().map(|(_, count)| count).sum::<u64>())?;
            let parts: Vec<_> = parts.iter().filter(|(_, count)| *count > 0).collect();
            for (n, (part, count)) in parts.iter().enumerate() {
                let open = if n == 0 { " (" } else { ", " };
                let close = if n + 1 == parts.len() { ")" } else { "" };
                write!(f, "{open}{part} {count}{close}")?;
            }
            Ok(())
        };
        let (patch, optimistic) = (load(&self.patch), load(&self.optimistic));
        list(f, "spliced", &[("patch", patch), ("optimistic", optimistic)])?;
        let copied: Vec<_> =
            REASONS.iter().map(|(reason, name)| (*name, self.of(*reason))).collect();
        f.write_str(", ")?;
        list(f, "copied", &copied)?;
        write!(f, ", written {}", load(&self.written))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_read_as_a_line() {
        let counts = Counts::default();
        assert_eq!(counts.to_string(), "spliced 0, copied 0, written 0");
        counts.spliced(Strategy::Patch);
        counts.spliced(Strategy::Patch);
        counts.copied(Reason::Small);
        counts.copied(Reason::Device);
        counts.written();
        assert_eq!(
            counts.to_string(),
            "spliced 2 (patch 2), copied 2 (too small to gain 1, refused by the device 1), written 1"
        );
        assert_eq!((counts.of_splices(), counts.of(Reason::Device)), (2, 1));
    }
}
