// Wrong: the listing goes on by position, and skips an entry for each that was removed meanwhile.
// Caught by: step06::any_server::a_big_directory_is_emptied_while_it_is_listed
        let mut tree = self.tree();
        tree.node_mut(header.nodeid)?.accessed();
        let entries = tree.directory(header.nodeid)?.behind(0, header.nodeid);
        for (position, (_, name, id)) in entries.enumerate().skip(arg.offset as usize) {
            let mode = tree.node(id).map_or(libc::S_IFDIR, |node| node.mode);
            if !listing.push(id, position as u64 + 1, mode >> 12, name) {
                break;
            }
        }
        Ok(())
