//! Structs about nodes: attributes, names, extended attributes, the file system as a whole.

use super::layout::wire_struct;
use super::{GetattrFlags, SetattrValid};

wire_struct! {
    /// The attributes of a node, as in `struct stat`. 88 bytes, last changed by 7.9.
    Attr = "fuse_attr", 88 bytes {
        /// Inode number to show to programs.
        ino: u64,
        /// Size in bytes.
        size: u64,
        /// Space taken, in units of 512 bytes.
        blocks: u64,
        /// Last access, in seconds since 1970.
        atime: u64,
        /// Last change of the data, in seconds since 1970.
        mtime: u64,
        /// Last change of data or attributes, in seconds since 1970.
        ctime: u64,
        /// Nanoseconds of atime.
        atimensec: u32,
        /// Nanoseconds of mtime.
        mtimensec: u32,
        /// Nanoseconds of ctime.
        ctimensec: u32,
        /// Type and permissions, as in `st_mode`.
        mode: u32,
        /// Number of names.
        nlink: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Number of the device, for a device node.
        rdev: u32,
        /// Best size for reads and writes, in bytes. Since 7.9.
        blksize: u32,
        /// Nothing. (7.32 made flags of it.)
        padding: u32,
    }
}

wire_struct! {
    /// Answer that hands out a node: to LOOKUP, MKNOD, MKDIR, SYMLINK, LINK, and the first half of
    /// CREATE's. 128 bytes, last changed by 7.9.
    EntryOut = "fuse_entry_out", 128 bytes {
        /// The node's id. 0: there is no such name, and the kernel may remember that.
        nodeid: u64,
        /// Tells two users of one node id apart.
        generation: u64,
        /// How long the name is good for, in seconds.
        entry_valid: u64,
        /// How long the attributes are good for, in seconds.
        attr_valid: u64,
        /// Nanoseconds of entry_valid.
        entry_valid_nsec: u32,
        /// Nanoseconds of attr_valid.
        attr_valid_nsec: u32,
        /// The attributes.
        attr: Attr,
    }
}

wire_struct! {
    /// Answer to GETATTR and SETATTR. 104 bytes, last changed by 7.9.
    AttrOut = "fuse_attr_out", 104 bytes {
        /// How long the attributes are good for, in seconds.
        attr_valid: u64,
        /// Nanoseconds of attr_valid.
        attr_valid_nsec: u32,
        /// Nothing.
        dummy: u32,
        /// The attributes.
        attr: Attr,
    }
}

wire_struct! {
    /// GETATTR. 16 bytes, since 7.9.
    GetattrIn = "fuse_getattr_in", 16 bytes {
        /// Does `fh` count?
        getattr_flags: GetattrFlags,
        /// Nothing.
        dummy: u32,
        /// Handle of the open file.
        fh: u64,
    }
}

wire_struct! {
    /// SETATTR: new attributes, of which `valid` says which count. 88 bytes, last changed by 7.9.
    SetattrIn = "fuse_setattr_in", 88 bytes {
        /// Which of the fields below count.
        valid: SetattrValid,
        /// Nothing.
        padding: u32,
        /// Handle of the open file. Since 7.3.
        fh: u64,
        /// New size in bytes.
        size: u64,
        /// Whose locks to respect. Since 7.9.
        lock_owner: u64,
        /// New time of last access, in seconds since 1970.
        atime: u64,
        /// New time of last change, in seconds since 1970.
        mtime: u64,
        /// Nothing. (7.23 made ctime of it.)
        unused2: u64,
        /// Nanoseconds of atime.
        atimensec: u32,
        /// Nanoseconds of mtime.
        mtimensec: u32,
        /// Nothing. (7.23 made ctimensec of it.)
        unused3: u32,
        /// New permissions. The type of the file is in it too, and cannot change.
        mode: u32,
        /// Nothing.
        unused4: u32,
        /// New owner.
        uid: u32,
        /// New group.
        gid: u32,
        /// Nothing.
        unused5: u32,
    }
}

wire_struct! {
    /// FORGET. 8 bytes, since the start.
    ForgetIn = "fuse_forget_in", 8 bytes {
        /// How many references to drop: one for each time that the node was handed out.
        nlookup: u64,
    }
}

wire_struct! {
    /// MKNOD; the name follows. 16 bytes, last changed by 7.12.
    MknodIn = "fuse_mknod_in", 16 bytes {
        /// Type and permissions.
        mode: u32,
        /// Number of the device, for a device node.
        rdev: u32,
        /// The caller's umask. Since 7.12.
        umask: u32,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// MKDIR; the name follows. 8 bytes, last changed by 7.12.
    MkdirIn = "fuse_mkdir_in", 8 bytes {
        /// Permissions.
        mode: u32,
        /// The caller's umask. Since 7.12.
        umask: u32,
    }
}

wire_struct! {
    /// RENAME; the old name and the new one follow. 8 bytes, since 7.1.
    RenameIn = "fuse_rename_in", 8 bytes {
        /// Node id of the directory to move to.
        newdir: u64,
    }
}

wire_struct! {
    /// LINK; the new name follows. 8 bytes, since 7.1.
    LinkIn = "fuse_link_in", 8 bytes {
        /// The node that gets one more name.
        oldnodeid: u64,
    }
}

wire_struct! {
    /// ACCESS. 8 bytes, since 7.3.
    AccessIn = "fuse_access_in", 8 bytes {
        /// 4 to read, 2 to write, 1 to run; 0: is it there?
        mask: u32,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// SETXATTR; the attribute's name and then its value follow. 8 bytes, since 7.1. (7.33 can make
    /// it 16.)
    SetxattrIn = "fuse_setxattr_in", 8 bytes {
        /// Length of the value in bytes.
        size: u32,
        /// 1: it must be new. 2: it must be there.
        flags: u32,
    }
}

wire_struct! {
    /// GETXATTR, where the attribute's name follows, and LISTXATTR. 8 bytes, since 7.1.
    GetxattrIn = "fuse_getxattr_in", 8 bytes {
        /// Room for the answer in bytes. 0: tell the size only.
        size: u32,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// Answer to GETXATTR and LISTXATTR when they asked for the size. 8 bytes, since 7.1.
    GetxattrOut = "fuse_getxattr_out", 8 bytes {
        /// Room that the answer needs, in bytes.
        size: u32,
        /// Nothing.
        padding: u32,
    }
}

wire_struct! {
    /// The file system as a whole, as in `struct statvfs`. 80 bytes, last changed by 7.4.
    Kstatfs = "fuse_kstatfs", 80 bytes {
        /// Size, in units of frsize.
        blocks: u64,
        /// Free, in units of frsize.
        bfree: u64,
        /// Free for users other than root, in units of frsize.
        bavail: u64,
        /// Number of inodes.
        files: u64,
        /// Free inodes.
        ffree: u64,
        /// Best size for reads and writes, in bytes.
        bsize: u32,
        /// Longest name, in bytes.
        namelen: u32,
        /// The unit of the counts above, in bytes. Since 7.4.
        frsize: u32,
        /// Nothing.
        padding: u32,
        /// Nothing.
        spare: [u32; 6],
    }
}

wire_struct! {
    /// Answer to STATFS. 80 bytes, last changed by 7.4.
    StatfsOut = "fuse_statfs_out", 80 bytes {
        /// All of it.
        st: Kstatfs,
    }
}
