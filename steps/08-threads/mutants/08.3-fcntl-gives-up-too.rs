// Wrong: fcntl(2) too loses its old lock when the new one is refused.
// Caught by: 08-threads::locks::table::tests::a_refused_conversion_of_flock_loses_the_old_lock
        let ranges = self.node(node).family(family);
        if ranges.of(wanted.owner).is_some_and(|held| held.exclusive != wanted.exclusive) {
            ranges.unlock(wanted.owner, wanted.start, wanted.end);
        }
        let free = ranges.conflict(&wanted).is_none();
        if free {
            ranges.set(wanted);
        }
        free
