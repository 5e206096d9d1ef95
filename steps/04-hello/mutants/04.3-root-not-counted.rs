// Wrong: the root is not counted among the inodes.
// Caught by: 04-hello::tests::statfs_has_the_size_of_7_14
    let block = 4096;
    StatfsOut {
        st: Kstatfs {
            blocks: 1,
            files: 1,
            bsize: block,
            frsize: block,
            namelen: 255,
            ..Kstatfs::default()
        },
    }
