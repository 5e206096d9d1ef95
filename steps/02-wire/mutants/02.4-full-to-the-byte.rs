// Wrong: an entry that would fill the limit to the byte is left out.
// Caught by: 02-wire::dirents::tests::what_does_not_fit_is_left_out_whole
        let end = self.bytes.len() + padded_len(name.len());
        if end >= self.limit {
            return false;
        }
        let entry = Dirent { ino, off, namelen: name.len() as u32, r#type: kind };
        self.bytes.extend_from_slice(entry.as_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.resize(end, 0);
        true
