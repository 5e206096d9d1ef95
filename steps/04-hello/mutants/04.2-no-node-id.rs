// Wrong: the id stands in the attributes alone. Node 0 says that there is no such name.
// Caught by: 04-hello::tests::lookup_finds_one_name_in_one_directory
    EntryOut {
        entry_valid: VALID,
        attr_valid: VALID,
        attr: attributes(node),
        ..EntryOut::default()
    }
