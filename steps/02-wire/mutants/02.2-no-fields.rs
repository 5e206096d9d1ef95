// Wrong: the piece is remembered without its fields.
// Caught by: step02::names_every_field_of_init
        let start = self.at;
        let bytes = self.take(T::NAME, T::SIZE, &[])?;
        T::read_from_bytes(bytes).map_err(|_| Fault {
            offset: start,
            problem: Problem::Short { what: T::NAME, needed: T::SIZE, found: bytes.len() },
        })
