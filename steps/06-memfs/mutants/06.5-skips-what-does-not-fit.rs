// Wrong: an entry that does not fit is skipped, and a shorter one takes its room. It is never listed.
// Caught by: 06-memfs::tests::a_listing_goes_on_behind_what_was_told
        let mut tree = self.tree();
        tree.node_mut(header.nodeid)?.accessed();
        for (cookie, name, id) in tree.directory(header.nodeid)?.behind(arg.offset, header.nodeid) {
            let mode = tree.node(id).map_or(libc::S_IFDIR, |node| node.mode);
            let _ = listing.push(id, cookie, mode >> 12, name);
        }
        Ok(())
