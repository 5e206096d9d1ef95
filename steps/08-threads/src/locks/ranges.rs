//! The locks of one file: ranges of bytes, each with its owner. Nobody waits in here.

/// A lock that is held, or wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lock {
    /// The first byte.
    pub start: u64,
    /// The last byte. The largest `i64` is the end of the largest file.
    pub end: u64,
    /// Nobody else may have a lock here, not even for reading.
    pub exclusive: bool,
    /// Whose it is.
    pub owner: u64,
    /// The process that took it: GETLK tells.
    pub pid: u32,
    /// The open file that it was taken through.
    pub handle: u64,
}

impl Lock {
    fn overlaps(&self, start: u64, end: u64) -> bool {
        self.start <= end && start <= self.end
    }

    /// The part of it before `start`, and the part of it after `end`.
    fn without(self, start: u64, end: u64) -> impl Iterator<Item = Lock> {
        let before = start.checked_sub(1).map(|last| Lock { end: last.min(self.end), ..self });
        let after = end.checked_add(1).map(|first| Lock { start: first.max(self.start), ..self });
        [before, after].into_iter().flatten().filter(|part| part.start <= part.end)
    }

    /// Both as one, if they are one owner's, of one kind, and without a gap between: bytes 0 to 4 and 5 to 9
    /// have none. An `end` may be the largest `u64`. Process and handle are those of `self`.
    fn joined(self, other: Lock) -> Option<Lock> {
        // EXERCISE: 08.1
        let touches =
            other.start <= self.end.saturating_add(1) && self.start <= other.end.saturating_add(1);
        let alike = (self.owner, self.exclusive) == (other.owner, other.exclusive);
        let (start, end) = (self.start.min(other.start), self.end.max(other.end));
        (touches && alike).then_some(Lock { start, end, ..self })
        // EXERCISE_END: 08.1
    }
}

/// The locks that are held. No two of different owners overlap, unless both are shared.
#[derive(Debug, Default)]
pub struct Ranges(Vec<Lock>);

impl Ranges {
    /// A lock of somebody else's that is in the way of this one. Of several the first in the file: the one
    /// with the lowest `start`.
    ///
    /// Two locks are in each other's way if they have a byte in common, and not both are shared.
    pub fn conflict(&self, wanted: &Lock) -> Option<Lock> {
        // EXERCISE: 08.2
        let in_the_way = |held: &&Lock| {
            held.owner != wanted.owner
                && held.overlaps(wanted.start, wanted.end)
                && (held.exclusive || wanted.exclusive)
        };
        self.0.iter().filter(in_the_way).min_by_key(|held| held.start).copied()
        // EXERCISE_END: 08.2
    }

    /// Takes a lock that nothing is in the way of. What its owner has there already is replaced.
    // ANCHOR: set
    pub fn set(&mut self, mut lock: Lock) {
        self.unlock(lock.owner, lock.start, lock.end);
        self.0.retain(|held| match lock.joined(*held) {
            Some(both) => {
                lock = both;
                false
            }
            None => true,
        });
        self.0.push(lock);
    }

    /// Gives up what the owner has from `start` to `end`. A lock that reaches beyond is cut, in two if
    /// need be.
    pub fn unlock(&mut self, owner: u64, start: u64, end: u64) {
        let (cut, kept): (Vec<_>, Vec<_>) =
            (self.0.drain(..)).partition(|held| held.owner == owner && held.overlaps(start, end));
        self.0 = kept;
        self.0.extend(cut.into_iter().flat_map(|held| held.without(start, end)));
    }
    // ANCHOR_END: set

    /// Has the owner a lock, and of which kind?
    pub fn of(&self, owner: u64) -> Option<&Lock> {
        self.0.iter().find(|held| held.owner == owner)
    }

    /// Drops each lock of which this holds.
    pub fn drop_where(&mut self, goes: impl Fn(&Lock) -> bool) {
        self.0.retain(|held| !goes(held));
    }

    /// Is none held?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lock(owner: u64, start: u64, end: u64, exclusive: bool) -> Lock {
        Lock { start, end, exclusive, owner, pid: 0, handle: 0 }
    }

    /// `1w0-9 2r20-29`, by where they begin.
    fn told(ranges: &Ranges) -> String {
        let mut held = ranges.0.clone();
        held.sort_by_key(|lock| (lock.start, lock.owner));
        let kind = |lock: &Lock| if lock.exclusive { 'w' } else { 'r' };
        let told = held.iter().map(|l| format!("{}{}{}-{}", l.owner, kind(l), l.start, l.end));
        told.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ranges_are_split_and_merged() {
        let mut ranges = Ranges::default();
        ranges.set(lock(1, 0, 9, true));
        ranges.set(lock(1, 10, 19, true));
        assert_eq!(told(&ranges), "1w0-19", "neighbours are one");
        ranges.unlock(1, 5, 7);
        assert_eq!(told(&ranges), "1w0-4 1w8-19");
        ranges.set(lock(1, 3, 9, false));
        assert_eq!(told(&ranges), "1w0-2 1r3-9 1w10-19", "another kind replaces");
        ranges.set(lock(2, 4, 5, false));
        ranges.unlock(1, 0, u64::MAX);
        assert_eq!(told(&ranges), "2r4-5", "others keep theirs");
    }

    #[test]
    fn the_last_byte_of_all_is_a_byte() {
        let mut ranges = Ranges::default();
        ranges.set(lock(1, 0, u64::MAX, true));
        assert!(ranges.conflict(&lock(2, u64::MAX, u64::MAX, false)).is_some());
        ranges.unlock(1, 1, u64::MAX);
        assert_eq!(told(&ranges), "1w0-0");
        ranges.unlock(1, 0, 0);
        assert!(ranges.is_empty());
        for (first, second) in [((5, u64::MAX), (1, 4)), ((1, 4), (5, u64::MAX))] {
            let mut ranges = Ranges::default();
            ranges.set(lock(1, first.0, first.1, true));
            ranges.set(lock(1, second.0, second.1, true));
            assert_eq!(told(&ranges), format!("1w1-{}", u64::MAX));
        }
    }

    #[test]
    fn of_several_in_the_way_the_first_in_the_file_is_told() {
        let mut ranges = Ranges::default();
        for (owner, start) in [(1, 20), (2, 10), (3, 30)] {
            ranges.set(lock(owner, start, start + 5, false));
        }
        let first = |owner| ranges.conflict(&lock(owner, 0, 40, true)).map(|held| held.owner);
        assert_eq!(first(4), Some(2), "for 4, the locks of 1, 2 and 3 are in the way");
        assert_eq!(first(2), Some(1), "for 2, only those of 1 and 3");
    }

    #[test]
    fn readers_share_and_writers_do_not() {
        let mut ranges = Ranges::default();
        ranges.set(lock(1, 0, 9, false));
        assert_eq!(ranges.conflict(&lock(2, 5, 15, false)), None, "both are for reading");
        let in_the_way = ranges.conflict(&lock(2, 5, 15, true)).map(|held| held.owner);
        assert_eq!(in_the_way, Some(1), "a reader is in the way of a writer");
        assert_eq!(ranges.conflict(&lock(2, 10, 15, true)), None, "they have no byte in common");
        assert_eq!(ranges.conflict(&lock(1, 5, 15, true)), None, "nobody is in their own way");
    }

    /// A file of so many bytes, and so many owners.
    const BYTES: u64 = 12;

    proptest! {
        /// The same on a table with an entry for each byte and owner.
        #[test]
        fn they_say_of_each_byte_what_a_table_of_bytes_says(
            steps in prop::collection::vec((0..3_u64, 0..BYTES, 0..BYTES, 0..3_u8), 1..40)
        ) {
            let mut ranges = Ranges::default();
            let mut table = [[None; BYTES as usize]; 3];
            for (owner, a, b, kind) in steps {
                let (start, end) = (a.min(b), a.max(b));
                let wanted = lock(owner, start, end, kind == 1);
                let in_the_way = (0..3).filter(|other| *other != owner).any(|other| {
                    (start..=end).any(|byte| match table[other as usize][byte as usize] {
                        Some(exclusive) => exclusive || wanted.exclusive,
                        None => false,
                    })
                });
                if kind == 2 {
                    ranges.unlock(owner, start, end);
                } else {
                    prop_assert_eq!(ranges.conflict(&wanted).is_some(), in_the_way);
                    if in_the_way {
                        continue;
                    }
                    ranges.set(wanted);
                }
                let entry = (kind != 2).then_some(wanted.exclusive);
                table[owner as usize][start as usize..=end as usize].fill(entry);
                for owner in 0..3 {
                    for byte in 0..BYTES {
                        let held: Vec<_> = ranges.0.iter()
                            .filter(|l| l.owner == owner && l.overlaps(byte, byte)).collect();
                        prop_assert!(held.len() <= 1, "twice: {:?}", ranges);
                        let kind = held.first().map(|l| l.exclusive);
                        prop_assert_eq!(kind, table[owner as usize][byte as usize]);
                    }
                }
                // And neighbours of one kind are one.
                for a in &ranges.0 {
                    let halves = ranges.0.iter().filter(|b| *b != a).any(|b| a.joined(*b).is_some());
                    prop_assert!(!halves, "not merged: {:?}", ranges);
                }
            }
        }
    }
}
