// Wrong: the name may end behind its entry: what is cut off is read on in what follows.
// Caught by: 07-mirror::listing::tests::what_is_whole_is_read_and_what_is_cut_is_not
    let (ino, rest) = bytes.split_first_chunk()?;
    let (off, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (kind, name) = rest.split_first()?;
    let length = usize::from(u16::from_ne_bytes(*length));
    let name = CStr::from_bytes_until_nul(name).ok()?;
    let (ino, off) = (u64::from_ne_bytes(*ino), u64::from_ne_bytes(*off));
    Some((Entry { ino, off, kind: *kind, name: OsStr::from_bytes(name.to_bytes()) }, length))
