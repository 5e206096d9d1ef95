// Wrong: each FORGET counts as one reference, however many it gives back.
// Caught by: step07::when_all_is_closed_nothing_is_held
        let mut table = self.table();
        let Some(known) = table.known.get_mut(&id) else { return };
        known.lookups = known.lookups.saturating_sub(references.min(1));
        if known.lookups == 0
            && id != ROOT_ID
            && let Some(known) = table.known.remove(&id)
        {
            table.by_inode.remove(&known.inode);
        }
