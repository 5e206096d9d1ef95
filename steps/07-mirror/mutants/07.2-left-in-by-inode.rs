// Wrong: the dead id stays in `by_inode`, and is told for the next file with that inode number.
// Caught by: 07-mirror::tests::no_name_leads_out_and_two_names_of_a_file_are_one_node
        let mut table = self.table();
        let Some(known) = table.known.get_mut(&id) else { return };
        known.lookups = known.lookups.saturating_sub(references);
        if known.lookups == 0 && id != ROOT_ID {
            table.known.remove(&id);
        }
