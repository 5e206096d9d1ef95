// Wrong: of a message with an opcode newer than 7.14 the header is thought to be enough.
// Caught by: 02-wire::round_trip::a_head_is_at_least_a_header
    let len = (header.len as usize).max(InHeader::SIZE);
    match Opcode::from_u32(header.opcode) {
        Some(Opcode::Write) => len.min(InHeader::SIZE + WriteIn::SIZE),
        Some(_) => len,
        None => InHeader::SIZE,
    }
