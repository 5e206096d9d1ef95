// Wrong: permissions without a type are no mode.
// Caught by: 04-hello::tests::getattr_tells_a_directory_from_a_file
    let (mode, nlink, size) = match node {
        ROOT_ID => (0o555, 2, 0),
        _ => (0o444, 1, HELLO.len() as u64),
    };
    let time = BIRTHDAY;
    Attr {
        ino: node,
        mode,
        nlink,
        size,
        blocks: size.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: time,
        ..Attr::default()
    }
