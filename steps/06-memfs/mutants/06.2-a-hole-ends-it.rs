// Wrong: the first hole ends the bytes.
// Caught by: 06-memfs::pages::tests::a_hole_is_zeros_and_costs_nothing
        let mut bytes = Vec::with_capacity(length);
        for part in parts(offset, length) {
            let Some(page) = self.0.get(&part.page) else { break };
            bytes.extend(&page[part.start..part.start + part.length]);
        }
        bytes
