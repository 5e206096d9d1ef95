//! Structs of the session: the two headers, the handshake, interrupts and notifications.

use super::layout::wire_struct;
use super::{CuseInitFlags, InitFlags};

wire_struct! {
    /// The head of every request. 40 bytes, since the start.
    // ANCHOR: in_header
    InHeader = "fuse_in_header", 40 bytes {
        /// Length of the whole message, this header included, in bytes.
        len: u32,
        /// What is asked: an [`Opcode`](super::Opcode), or a number that is newer.
        opcode: u32,
        /// The number of the request. The answer repeats it.
        unique: u64,
        /// The node that the request is about; 0 when it is about none.
        nodeid: u64,
        /// User id of the calling process (its file system uid).
        uid: u32,
        /// Group id of the calling process (its file system gid).
        gid: u32,
        /// Process id of the caller (a thread id, in fact); 0 when the kernel asks for itself.
        pid: u32,
        /// Nothing. (7.38 made a length of extensions of its first half.)
        padding: u32,
    }
    // ANCHOR_END: in_header
}

wire_struct! {
    /// The head of every answer and notification. 16 bytes, since the start.
    OutHeader = "fuse_out_header", 16 bytes {
        /// Length of the whole message, this header included, in bytes.
        len: u32,
        /// 0, or an errno with a minus before it. In a notification its code, from 1 up.
        error: i32,
        /// The number of the request that this answers; 0 in a notification.
        unique: u64,
    }
}

wire_struct! {
    /// INIT: what the kernel speaks and can do. 16 bytes, since 7.6. (7.36 made it 64.)
    InitIn = "fuse_init_in", 16 bytes {
        /// Major version of the protocol.
        major: u32,
        /// Minor version of the protocol.
        minor: u32,
        /// Most bytes the kernel will read ahead.
        max_readahead: u32,
        /// What the kernel can do.
        flags: InitFlags,
    }
}

wire_struct! {
    /// INIT's answer: what the server speaks, and which of the offers it takes. 24 bytes, last
    /// changed by 7.13. (7.23 made it 64.)
    InitOut = "fuse_init_out", 24 bytes {
        /// Major version of the protocol.
        major: u32,
        /// Minor version of the protocol.
        minor: u32,
        /// Most bytes to read ahead: at most what the kernel offered.
        max_readahead: u32,
        /// What is agreed on: a subset of the offer.
        flags: InitFlags,
        /// Most background requests in flight; 0 leaves it at 12. Since 7.13.
        max_background: u16,
        /// From how many on the kernel calls the server congested; 0 leaves it at 9. Since 7.13.
        congestion_threshold: u16,
        /// Most bytes of data in one WRITE.
        max_write: u32,
    }
}

wire_struct! {
    /// CUSE_INIT: as INIT, for a character device. 16 bytes, since 7.12.
    CuseInitIn = "cuse_init_in", 16 bytes {
        /// Major version of the protocol.
        major: u32,
        /// Minor version of the protocol.
        minor: u32,
        /// Nothing.
        unused: u32,
        /// What the kernel can do.
        flags: CuseInitFlags,
    }
}

wire_struct! {
    /// CUSE_INIT's answer; a text such as `DEVNAME=mine\0` follows. 72 bytes, since 7.12.
    CuseInitOut = "cuse_init_out", 72 bytes {
        /// Major version of the protocol.
        major: u32,
        /// Minor version of the protocol.
        minor: u32,
        /// Nothing.
        unused: u32,
        /// What is agreed on.
        flags: CuseInitFlags,
        /// Most bytes in one READ.
        max_read: u32,
        /// Most bytes in one WRITE.
        max_write: u32,
        /// Major number of the device; 0 lets the kernel choose.
        dev_major: u32,
        /// Minor number of the device.
        dev_minor: u32,
        /// Nothing.
        spare: [u32; 10],
    }
}

wire_struct! {
    /// INTERRUPT: which request to give up. 8 bytes, since 7.7.
    InterruptIn = "fuse_interrupt_in", 8 bytes {
        /// The number of that request.
        unique: u64,
    }
}

wire_struct! {
    /// Notification: a polled file became ready. 8 bytes, since 7.11.
    NotifyPollWakeupOut = "fuse_notify_poll_wakeup_out", 8 bytes {
        /// The handle that [`PollIn`](super::PollIn) brought.
        kh: u64,
    }
}

wire_struct! {
    /// Notification: drop what is cached of a node. 24 bytes, since 7.12.
    NotifyInvalInodeOut = "fuse_notify_inval_inode_out", 24 bytes {
        /// The node id.
        ino: u64,
        /// From which byte on to drop data. Negative: only the attributes.
        off: i64,
        /// How many bytes; 0 or less means to the end.
        len: i64,
    }
}

wire_struct! {
    /// Notification: drop a name from a directory; the name and a NUL follow. 16 bytes, since 7.12.
    NotifyInvalEntryOut = "fuse_notify_inval_entry_out", 16 bytes {
        /// Node id of the directory.
        parent: u64,
        /// Length of the name, its NUL not counted, in bytes.
        namelen: u32,
        /// Nothing.
        padding: u32,
    }
}
