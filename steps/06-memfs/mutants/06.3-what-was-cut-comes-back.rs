// Wrong: the page of the cut keeps its bytes, and a file that grows again has them again.
// Caught by: 06-memfs::pages::tests::a_page_that_is_cut_has_zeros_behind_it
        let beyond = self.0.split_off(&size.div_ceil(BLOCK));
        space.give_back(beyond.len() as u64);
