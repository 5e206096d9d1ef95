//! The locks of all files, and who waits for one.

use std::collections::HashMap;

use super::ranges::{Lock, Ranges};

/// Of which kind a lock is. The two know nothing of each other, as in all Linux file systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// fcntl(2): ranges, of a process or of an open file description (F_OFD_SETLK).
    Posix,
    /// flock(2): all of a file, of an open file description.
    Flock,
}

/// Locks by node, and `W`s that wait.
#[derive(Debug)]
pub struct Table<W> {
    nodes: HashMap<u64, Node<W>>,
}

#[derive(Debug)]
struct Node<W> {
    posix: Ranges,
    flock: Ranges,
    /// In the order in which they came.
    waiting: Vec<Waiting<W>>,
}

#[derive(Debug)]
struct Waiting<W> {
    unique: u64,
    family: Family,
    wanted: Lock,
    waiter: W,
}

impl<W> Node<W> {
    fn family(&mut self, family: Family) -> &mut Ranges {
        match family {
            Family::Posix => &mut self.posix,
            Family::Flock => &mut self.flock,
        }
    }
}

impl<W> Table<W> {
    /// No locks.
    pub fn new() -> Table<W> {
        Table { nodes: HashMap::new() }
    }

    fn node(&mut self, node: u64) -> &mut Node<W> {
        let empty =
            || Node { posix: Ranges::default(), flock: Ranges::default(), waiting: Vec::new() };
        self.nodes.entry(node).or_insert_with(empty)
    }

    /// Which lock is in the way of this one?
    pub fn conflict(&self, node: u64, family: Family, wanted: &Lock) -> Option<Lock> {
        let node = self.nodes.get(&node)?;
        match family {
            Family::Posix => node.posix.conflict(wanted),
            Family::Flock => node.flock.conflict(wanted),
        }
    }

    /// Takes a lock, if nothing is in its way. Returns whether it did.
    ///
    /// If not, all is as before; but with flock(2), an owner who has a lock of the other kind gives that up
    /// first, and has none if the new one is then refused.
    ///
    /// Who waits is not served by this, even where something was given up: [`Table::served`] does it.
    pub fn lock(&mut self, node: u64, family: Family, wanted: Lock) -> bool {
        // EXERCISE: 08.3
        let ranges = self.node(node).family(family);
        // flock(2): "Converting a lock is not guaranteed to be atomic: the existing lock is first removed,
        // and then a new lock is established." That holds also where the new one is refused.
        if family == Family::Flock
            && ranges.of(wanted.owner).is_some_and(|held| held.exclusive != wanted.exclusive)
        {
            ranges.unlock(wanted.owner, wanted.start, wanted.end);
        }
        let free = ranges.conflict(&wanted).is_none();
        if free {
            ranges.set(wanted);
        }
        free
        // EXERCISE_END: 08.3
    }

    /// Lets somebody wait for a lock that could not be taken.
    pub fn wait(&mut self, node: u64, family: Family, wanted: Lock, unique: u64, waiter: W) {
        self.node(node).waiting.push(Waiting { unique, family, wanted, waiter });
    }

    /// The one that waits with the request `unique` does not want to any more.
    pub fn give_up(&mut self, node: u64, unique: u64) -> Option<W> {
        let waiting = &mut self.nodes.get_mut(&node)?.waiting;
        let index = waiting.iter().position(|waiting| waiting.unique == unique)?;
        Some(waiting.remove(index).waiter)
    }

    /// Gives up what the owner has from `start` to `end`.
    pub fn unlock(&mut self, node: u64, family: Family, owner: u64, start: u64, end: u64) {
        self.node(node).family(family).unlock(owner, start, end);
    }

    /// A descriptor was closed (FLUSH): all that its owner has locked by fcntl(2) goes, through whichever
    /// descriptor it was locked.
    pub fn close(&mut self, node: u64, owner: u64) {
        self.node(node).posix.drop_where(|held| held.owner == owner);
    }

    /// An open file has gone (RELEASE), and with it what was locked through it: an open file description's
    /// own locks (F_OFD_SETLK), which no FLUSH names. `flock` is its owner by flock(2). Handle 0 may be
    /// everybody's: it takes nothing along.
    pub fn release(&mut self, node: u64, handle: u64, flock: Option<u64>) {
        let node = self.node(node);
        node.flock.drop_where(|held| Some(held.owner) == flock);
        node.posix.drop_where(|held| handle != 0 && held.handle == handle);
    }

    /// Those that wait and can now be served, in the order in which they came: each has its lock.
    // ANCHOR: served
    pub fn served(&mut self, node: u64) -> Vec<W> {
        let Some(here) = self.nodes.get_mut(&node) else { return Vec::new() };
        let mut served = Vec::new();
        for waiting in std::mem::take(&mut here.waiting) {
            let ranges = here.family(waiting.family);
            if ranges.conflict(&waiting.wanted).is_none() {
                ranges.set(waiting.wanted);
                served.push(waiting.waiter);
            } else {
                here.waiting.push(waiting);
            }
        }
        if here.posix.is_empty() && here.flock.is_empty() && here.waiting.is_empty() {
            self.nodes.remove(&node);
        }
        served
    }
    // ANCHOR_END: served
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = i64::MAX as u64;

    fn lock(owner: u64, exclusive: bool) -> Lock {
        Lock { start: 0, end: ALL, exclusive, owner, pid: 0, handle: owner * 10 }
    }

    #[test]
    fn who_waits_is_served_in_turn() {
        let mut table = Table::new();
        assert!(table.lock(5, Family::Posix, lock(1, true)));
        for (owner, exclusive) in [(2, false), (3, true), (4, false)] {
            assert!(!table.lock(5, Family::Posix, lock(owner, exclusive)));
            table.wait(5, Family::Posix, lock(owner, exclusive), owner, owner);
        }
        assert_eq!(table.served(5), [0; 0]);
        table.unlock(5, Family::Posix, 1, 0, ALL);
        assert_eq!(
            table.served(5),
            [2, 4],
            "readers together, the writer is still in nobody's way"
        );
        table.close(5, 2);
        assert_eq!(table.served(5), [0; 0]);
        table.close(5, 4);
        assert_eq!(table.served(5), [3]);
        table.close(5, 3);
        table.served(5);
        assert!(table.nodes.is_empty(), "nothing is left of a file without locks");
    }

    #[test]
    fn who_gives_up_gets_nothing() {
        let mut table = Table::new();
        table.lock(5, Family::Flock, lock(1, true));
        table.wait(5, Family::Flock, lock(2, true), 77, "two");
        assert_eq!(table.give_up(5, 76), None);
        assert_eq!(table.give_up(5, 77), Some("two"));
        assert_eq!(table.give_up(5, 77), None);
        table.release(5, 10, Some(1));
        assert_eq!(table.served(5), [""; 0]);
    }

    #[test]
    fn the_families_know_nothing_of_each_other() {
        let mut table = Table::<()>::new();
        assert!(table.lock(5, Family::Flock, lock(1, true)));
        assert!(table.lock(5, Family::Posix, lock(2, true)));
        assert!(!table.lock(5, Family::Flock, lock(2, false)));
    }

    #[test]
    fn a_refused_conversion_of_flock_loses_the_old_lock() {
        let mut table = Table::<()>::new();
        assert!(table.lock(5, Family::Flock, lock(1, false)));
        assert!(table.lock(5, Family::Flock, lock(2, false)));
        assert!(!table.lock(5, Family::Flock, lock(1, true)));
        assert!(table.lock(5, Family::Flock, lock(2, true)), "the first has none any more");
        let mut table = Table::<()>::new();
        assert!(table.lock(5, Family::Posix, lock(1, false)));
        assert!(table.lock(5, Family::Posix, lock(2, false)));
        assert!(!table.lock(5, Family::Posix, lock(1, true)));
        assert!(!table.lock(5, Family::Posix, lock(2, true)), "fcntl keeps it");
    }

    #[test]
    fn what_was_locked_through_an_open_file_goes_with_it() {
        let mut table = Table::<()>::new();
        table.lock(5, Family::Posix, lock(1, true));
        table.release(5, 99, None);
        assert!(table.conflict(5, Family::Posix, &lock(2, true)).is_some());
        table.release(5, 10, None);
        assert!(table.conflict(5, Family::Posix, &lock(2, true)).is_none());
    }
}
