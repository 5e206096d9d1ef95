// Wrong: an owner is in the way of itself.
// Caught by: 08-threads::locks::ranges::tests::readers_share_and_writers_do_not
        let in_the_way = |held: &&Lock| {
            held.overlaps(wanted.start, wanted.end) && (held.exclusive || wanted.exclusive)
        };
        self.0.iter().filter(in_the_way).min_by_key(|held| held.start).copied()
