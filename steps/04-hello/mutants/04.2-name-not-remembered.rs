// Wrong: only the attributes may be remembered, so the kernel asks for the name each time.
// Caught by: step04::the_conversation_of_a_visit
    EntryOut { nodeid: node, attr_valid: VALID, attr: attributes(node), ..EntryOut::default() }
