// Wrong: the page that is cut goes as a whole.
// Caught by: 06-memfs::pages::tests::a_page_that_is_cut_has_zeros_behind_it
        let beyond = self.0.split_off(&(size / BLOCK));
        space.give_back(beyond.len() as u64);
