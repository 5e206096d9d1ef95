// Wrong: the entry ends with its name, and no zeros follow.
// Caught by: 02-wire::dirents::tests::an_entry_is_padded_with_zeros_to_a_multiple_of_8
        if padded_len(name.len()) > self.limit - self.bytes.len() {
            return false;
        }
        let entry = Dirent { ino, off, namelen: name.len() as u32, r#type: kind };
        self.bytes.extend_from_slice(entry.as_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        true
