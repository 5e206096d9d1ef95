// Wrong: two locks are joined only if they overlap: neighbours stay two.
// Caught by: 08-threads::locks::ranges::tests::ranges_are_split_and_merged
        let touches = self.overlaps(other.start, other.end);
        let alike = (self.owner, self.exclusive) == (other.owner, other.exclusive);
        let (start, end) = (self.start.min(other.start), self.end.max(other.end));
        (touches && alike).then_some(Lock { start, end, ..self })
