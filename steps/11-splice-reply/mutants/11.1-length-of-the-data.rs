// Wrong: the length is that of the data: the header does not count itself.
// Caught by: 11-splice-reply::assemble::tests::a_header_counts_itself
    let header = OutHeader { len: data as u32, error: 0, unique };
    let mut bytes = [0; SLOT_SIZE];
    bytes.copy_from_slice(header.as_bytes());
    bytes
