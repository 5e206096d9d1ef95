// Wrong: the type of an entry is the whole mode.
// Caught by: 06-memfs::tests::an_entry_has_the_type_of_its_node
        let mut tree = self.tree();
        tree.node_mut(header.nodeid)?.accessed();
        for (cookie, name, id) in tree.directory(header.nodeid)?.behind(arg.offset, header.nodeid) {
            let mode = tree.node(id).map_or(libc::S_IFDIR, |node| node.mode);
            if !listing.push(id, cookie, mode, name) {
                break;
            }
        }
        Ok(())
