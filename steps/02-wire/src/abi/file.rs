//! Structs about open files and directories: reading, writing, closing, locks, ioctl and poll.

use super::layout::wire_struct;
use super::{
    FsyncFlags, IoctlFlags, LockFlags, OpenReplyFlags, PollFlags, ReadFlags, ReleaseFlags,
    WriteFlags,
};

wire_struct! {
    /// OPEN and OPENDIR. 8 bytes, since 7.1.
    OpenIn = "fuse_open_in", 8 bytes {
        /// The flags of open(2). O_CREAT, O_EXCL and O_NOCTTY are gone; O_TRUNC comes only under
        /// ATOMIC_O_TRUNC.
        flags: u32,
        /// Nothing. (7.33 made flags of it.)
        unused: u32,
    }
}

wire_struct! {
    /// CREATE; the name follows. 16 bytes, since 7.12. (Before, it was an `open_in` with a mode.)
    CreateIn = "fuse_create_in", 16 bytes {
        /// The flags of open(2).
        flags: u32,
        /// Type and permissions.
        mode: u32,
        /// The caller's umask.
        umask: u32,
        /// Nothing. (7.33 made flags of it.)
        padding: u32,
    }
}

wire_struct! {
    /// Answer to OPEN and OPENDIR, and the second half of CREATE's. 16 bytes, last changed by 7.2.
    OpenOut = "fuse_open_out", 16 bytes {
        /// A handle of the server's choice. The kernel sends it back with each request on the open
        /// file.
        fh: u64,
        /// How the kernel shall treat the file.
        open_flags: OpenReplyFlags,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// READ and READDIR. 40 bytes, last changed by 7.9.
    ReadIn = "fuse_read_in", 40 bytes {
        /// Handle of the open file.
        fh: u64,
        /// From which byte on; for a directory, the `off` of the last entry seen.
        offset: u64,
        /// At most this many bytes.
        size: u32,
        /// Does `lock_owner` count? Since 7.9.
        read_flags: ReadFlags,
        /// Whose locks to respect. Since 7.9.
        lock_owner: u64,
        /// The flags of open(2) and fcntl(2), as they are now. Since 7.9.
        flags: u32,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// WRITE; the data follow. 40 bytes, last changed by 7.9.
    WriteIn = "fuse_write_in", 40 bytes {
        /// Handle of the open file.
        fh: u64,
        /// From which byte on.
        offset: u64,
        /// Length of the data in bytes.
        size: u32,
        /// From the page cache? Does `lock_owner` count?
        write_flags: WriteFlags,
        /// Whose locks to respect. Since 7.9.
        lock_owner: u64,
        /// The flags of open(2) and fcntl(2), as they are now. Since 7.9.
        flags: u32,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// Answer to WRITE. 8 bytes, since 7.1.
    WriteOut = "fuse_write_out", 8 bytes {
        /// Bytes written.
        size: u32,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// FLUSH. 24 bytes, last changed by 7.7.
    FlushIn = "fuse_flush_in", 24 bytes {
        /// Handle of the open file.
        fh: u64,
        /// Nothing.
        unused: u32,
        /// Nothing.
        padding: u32,
        /// Whose locks go with this close(2). Since 7.7.
        lock_owner: u64,
    }
}

wire_struct! {
    /// RELEASE and RELEASEDIR. 24 bytes, last changed by 7.8.
    ReleaseIn = "fuse_release_in", 24 bytes {
        /// The handle, never to be seen again.
        fh: u64,
        /// The flags of open(2).
        flags: u32,
        /// What else to do. Since 7.8.
        release_flags: ReleaseFlags,
        /// Whose locks go. Since 7.8.
        lock_owner: u64,
    }
}

wire_struct! {
    /// FSYNC and FSYNCDIR. 16 bytes, since 7.1.
    FsyncIn = "fuse_fsync_in", 16 bytes {
        /// Handle of the open file.
        fh: u64,
        /// The data only?
        fsync_flags: FsyncFlags,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// One entry in the answer to READDIR; the name follows, without a NUL, then zeros up to a
    /// multiple of 8. 24 bytes, since 7.1.
    Dirent = "fuse_dirent", 24 bytes {
        /// Inode number.
        ino: u64,
        /// Where the next entry starts: the offset of the READDIR that goes on from here.
        off: u64,
        /// Length of the name in bytes.
        namelen: u32,
        /// Type of the file: its mode, shifted right by 12 (`DT_REG`, `DT_DIR`, …).
        r#type: u32,
    }
}

wire_struct! {
    /// A range of a file and who locks it. 24 bytes, since 7.7.
    FileLock = "fuse_file_lock", 24 bytes {
        /// First byte.
        start: u64,
        /// Last byte; the largest `i64` means to the end.
        end: u64,
        /// F_RDLCK, F_WRLCK or F_UNLCK.
        r#type: u32,
        /// Process id of the holder.
        pid: u32,
    }
}

wire_struct! {
    /// GETLK, SETLK and SETLKW. 48 bytes, last changed by 7.9.
    LkIn = "fuse_lk_in", 48 bytes {
        /// Handle of the open file.
        fh: u64,
        /// Who asks: one number for each holder of locks, not a process id.
        owner: u64,
        /// The lock.
        lk: FileLock,
        /// A lock of flock(2)? Since 7.9.
        lk_flags: LockFlags,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// Answer to GETLK: the lock in the way, or one of type F_UNLCK. 24 bytes, since 7.7.
    LkOut = "fuse_lk_out", 24 bytes {
        /// The lock.
        lk: FileLock,
    }
}

wire_struct! {
    /// BMAP. 16 bytes, since 7.8.
    BmapIn = "fuse_bmap_in", 16 bytes {
        /// Block of the file, counted in units of blocksize.
        block: u64,
        /// That unit, in bytes.
        blocksize: u32,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// Answer to BMAP. 8 bytes, since 7.8.
    BmapOut = "fuse_bmap_out", 8 bytes {
        /// Block of the device; 0: none.
        block: u64,
    }
}

wire_struct! {
    /// IOCTL; `in_size` bytes of the caller's data follow. 32 bytes, since 7.11.
    IoctlIn = "fuse_ioctl_in", 32 bytes {
        /// Handle of the open file.
        fh: u64,
        /// Who calls, and how.
        flags: IoctlFlags,
        /// The command's number.
        cmd: u32,
        /// The caller's third argument: often an address in its memory, of no use here.
        arg: u64,
        /// Bytes that follow.
        in_size: u32,
        /// Room for the answer's data in bytes.
        out_size: u32,
    }
}

wire_struct! {
    /// Answer to IOCTL; data for the caller follow. 16 bytes, since 7.11.
    IoctlOut = "fuse_ioctl_out", 16 bytes {
        /// What ioctl(2) returns; negative: an errno.
        result: i32,
        /// RETRY, or nothing.
        flags: IoctlFlags,
        /// For RETRY: how many buffers to read from.
        in_iovs: u32,
        /// For RETRY: how many buffers to write to.
        out_iovs: u32,
    }
}

wire_struct! {
    /// POLL. 24 bytes, since 7.11.
    PollIn = "fuse_poll_in", 24 bytes {
        /// Handle of the open file.
        fh: u64,
        /// The kernel's handle, to be used in the notification.
        kh: u64,
        /// Is a notification wanted?
        flags: PollFlags,
        /// Nothing. (7.21 made the wanted events of it, and kernels fill it in for 7.14 servers
        /// too.)
        padding: u32,
    }
}

wire_struct! {
    /// Answer to POLL. 8 bytes, since 7.11.
    PollOut = "fuse_poll_out", 8 bytes {
        /// What the file is ready for: POLLIN and so on.
        revents: u32,
        /// Nothing.
        padding: u32,
    }
}
