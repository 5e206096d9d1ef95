// Wrong: the byte behind the largest `u64` is asked for.
// Caught by: 08-threads::locks::ranges::tests::the_last_byte_of_all_is_a_byte
        let touches = other.start <= self.end + 1 && self.start <= other.end + 1;
        let alike = (self.owner, self.exclusive) == (other.owner, other.exclusive);
        let (start, end) = (self.start.min(other.start), self.end.max(other.end));
        (touches && alike).then_some(Lock { start, end, ..self })
