// Wrong: `mode` has lost the bits that say what kind of file it is.
// Caught by: 07-mirror::tests::what_the_source_says_of_a_file_is_what_the_kernel_is_told
    Attr {
        ino: stat.st_ino,
        size: stat.st_size as u64,
        blocks: stat.st_blocks as u64,
        atime: stat.st_atime as u64,
        mtime: stat.st_mtime as u64,
        ctime: stat.st_ctime as u64,
        atimensec: stat.st_atime_nsec as u32,
        mtimensec: stat.st_mtime_nsec as u32,
        ctimensec: stat.st_ctime_nsec as u32,
        mode: stat.st_mode & 0o7777,
        nlink: stat.st_nlink as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev: rdev(stat.st_rdev),
        blksize: stat.st_blksize as u32,
        padding: 0,
    }
