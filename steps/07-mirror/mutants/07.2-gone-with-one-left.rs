// Wrong: the lookup count is off by one, and the node goes while the kernel has a reference.
// Caught by: 07-mirror::tests::no_name_leads_out_and_two_names_of_a_file_are_one_node
        let mut table = self.table();
        let Some(known) = table.known.get_mut(&id) else { return };
        known.lookups = known.lookups.saturating_sub(references);
        if known.lookups <= 1
            && id != ROOT_ID
            && let Some(known) = table.known.remove(&id)
        {
            table.by_inode.remove(&known.inode);
        }
