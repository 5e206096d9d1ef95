// Wrong: exactly one optional field is passed over.
// Caught by: 01-device::mountinfo::tests::the_topmost_mount_wins
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let mut fields = line.split(|&b| b == b' ');
    let device_number = text(fields.nth(2)?);
    if fields.nth(1)? != wanted {
        return None;
    }
    let fs_type = text(fields.nth(3)?);
    Some(Mounted { device_number, fs_type, source: text(fields.next()?) })
