//! The index of the protocol: what the kernel may ask, and what the server may say unasked.

use std::fmt;

macro_rules! opcodes {
    ($($number:literal $variant:ident $name:literal since $minor:literal: $meaning:literal,)*) => {
        /// What the kernel asks (`enum fuse_opcode`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum Opcode {
            $(#[doc = concat!("`", $name, "`: ", $meaning, ". Since 7.", $minor, ".")] $variant = $number,)*
        }

        impl Opcode {
            /// Every opcode of 7.14, in order of number.
            pub const ALL: &[Opcode] = &[$(Opcode::$variant,)*];

            /// The opcode with this number, when 7.14 has one.
            pub fn from_u32(number: u32) -> Option<Opcode> {
                match number {
                    $($number => Some(Opcode::$variant),)*
                    _ => None,
                }
            }

            /// The kernel's name without its `FUSE_`.
            pub fn name(self) -> &'static str {
                match self { $(Opcode::$variant => $name,)* }
            }

            /// The minor version of the protocol that brought it. 0: there from the start.
            pub fn since(self) -> u32 {
                match self { $(Opcode::$variant => $minor,)* }
            }

            /// What it asks, in one phrase.
            pub fn meaning(self) -> &'static str {
                match self { $(Opcode::$variant => $meaning,)* }
            }
        }
    };
}

#[rustfmt::skip]
opcodes! {
    1    Lookup      "LOOKUP"      since 0:  "find a name in a directory",
    2    Forget      "FORGET"      since 0:  "drop references to a node; no reply wanted",
    3    Getattr     "GETATTR"     since 0:  "read the attributes of a node: mode, size, times",
    4    Setattr     "SETATTR"     since 1:  "change attributes: chmod, chown, truncate, utimes",
    5    Readlink    "READLINK"    since 1:  "read where a symbolic link points",
    6    Symlink     "SYMLINK"     since 1:  "make a symbolic link",
    8    Mknod       "MKNOD"       since 1:  "make a file, a fifo, a socket or a device node",
    9    Mkdir       "MKDIR"       since 1:  "make a directory",
    10   Unlink      "UNLINK"      since 1:  "remove a name that is not a directory",
    11   Rmdir       "RMDIR"       since 1:  "remove an empty directory",
    12   Rename      "RENAME"      since 1:  "move a name, over another one if need be",
    13   Link        "LINK"        since 1:  "give a node one more name",
    14   Open        "OPEN"        since 1:  "open a file and give it a handle",
    15   Read        "READ"        since 1:  "read bytes of an open file",
    16   Write       "WRITE"       since 1:  "write bytes to an open file",
    17   Statfs      "STATFS"      since 0:  "tell the size and the free space of the file system",
    18   Release     "RELEASE"     since 1:  "the last user of a handle has gone",
    20   Fsync       "FSYNC"       since 1:  "bring an open file to stable storage",
    21   Setxattr    "SETXATTR"    since 1:  "set an extended attribute",
    22   Getxattr    "GETXATTR"    since 1:  "read an extended attribute, or its size",
    23   Listxattr   "LISTXATTR"   since 1:  "list the names of the extended attributes, or their size",
    24   Removexattr "REMOVEXATTR" since 1:  "remove an extended attribute",
    25   Flush       "FLUSH"       since 1:  "a descriptor of an open file was closed",
    26   Init        "INIT"        since 0:  "agree on a version, flags and sizes",
    27   Opendir     "OPENDIR"     since 1:  "open a directory and give it a handle",
    28   Readdir     "READDIR"     since 1:  "list an open directory from an offset on",
    29   Releasedir  "RELEASEDIR"  since 1:  "the last user of a directory's handle has gone",
    30   Fsyncdir    "FSYNCDIR"    since 2:  "bring an open directory to stable storage",
    31   Getlk       "GETLK"       since 7:  "is there a lock that this one would conflict with?",
    32   Setlk       "SETLK"       since 7:  "take or drop a lock, without waiting",
    33   Setlkw      "SETLKW"      since 7:  "take a lock, waiting for it, or drop it",
    34   Access      "ACCESS"      since 3:  "may the caller read, write or run this?",
    35   Create      "CREATE"      since 3:  "make a file and open it, in one step",
    36   Interrupt   "INTERRUPT"   since 7:  "the caller of an earlier request got a signal; no reply needed",
    37   Bmap        "BMAP"        since 8:  "at which block of the device is this block of the file?",
    38   Destroy     "DESTROY"     since 8:  "the file system on a block device is being unmounted",
    39   Ioctl       "IOCTL"       since 11: "a device-specific call on an open file",
    40   Poll        "POLL"        since 11: "is an open file ready, and tell me when it becomes so",
    4096 CuseInit    "CUSE_INIT"   since 12: "agree on a version for a character device (CUSE)",
}

impl Opcode {
    /// Does the kernel wait for an answer? FORGET must not get one. INTERRUPT needs none, and may
    /// get `-EAGAIN` (send it again) or `-ENOSYS` (send no more of them).
    pub fn wants_reply(self) -> bool {
        !matches!(self, Opcode::Forget | Opcode::Interrupt)
    }
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An opcode that 7.14 does not know. Some arrive all the same, whatever version was agreed on.
#[derive(Debug, Clone, Copy)]
pub struct LaterOpcode {
    /// The number.
    pub number: u32,
    /// The kernel's name without its `FUSE_`.
    pub name: &'static str,
    /// The minor version of the protocol that brought it.
    pub since: u32,
}

impl LaterOpcode {
    /// The later opcode with this number, when we have heard of it.
    pub fn from_u32(number: u32) -> Option<LaterOpcode> {
        LATER_OPCODES.iter().find(|later| later.number == number).copied()
    }
}

/// The opcodes after 7.14: only their names, for traces, so that `ENOSYS` to a STATX can be read as
/// that.
#[rustfmt::skip]
pub const LATER_OPCODES: &[LaterOpcode] = &[
    LaterOpcode { number: 41, name: "NOTIFY_REPLY",       since: 15 },
    LaterOpcode { number: 42, name: "BATCH_FORGET",       since: 16 },
    LaterOpcode { number: 43, name: "FALLOCATE",          since: 19 },
    LaterOpcode { number: 44, name: "READDIRPLUS",        since: 21 },
    LaterOpcode { number: 45, name: "RENAME2",            since: 23 },
    LaterOpcode { number: 46, name: "LSEEK",              since: 24 },
    LaterOpcode { number: 47, name: "COPY_FILE_RANGE",    since: 28 },
    LaterOpcode { number: 48, name: "SETUPMAPPING",       since: 31 },
    LaterOpcode { number: 49, name: "REMOVEMAPPING",      since: 31 },
    LaterOpcode { number: 50, name: "SYNCFS",             since: 34 },
    LaterOpcode { number: 51, name: "TMPFILE",            since: 37 },
    LaterOpcode { number: 52, name: "STATX",              since: 39 },
    LaterOpcode { number: 53, name: "COPY_FILE_RANGE_64", since: 45 },
];

/// What the server says unasked (`enum fuse_notify_code`). The code travels in
/// [`OutHeader::error`](super::OutHeader).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum NotifyCode {
    /// `FUSE_NOTIFY_POLL`: a polled file became ready. Since 7.11.
    Poll = 1,
    /// `FUSE_NOTIFY_INVAL_INODE`: forget what you cached of a node. Since 7.12.
    InvalInode = 2,
    /// `FUSE_NOTIFY_INVAL_ENTRY`: forget a name in a directory. Since 7.12.
    InvalEntry = 3,
}

impl NotifyCode {
    /// Every code of 7.14, in order of number.
    pub const ALL: &[NotifyCode] =
        &[NotifyCode::Poll, NotifyCode::InvalInode, NotifyCode::InvalEntry];

    /// The code with this number, when 7.14 has one.
    pub fn from_i32(number: i32) -> Option<NotifyCode> {
        NotifyCode::ALL.iter().copied().find(|&code| code as i32 == number)
    }
}

impl fmt::Display for NotifyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            NotifyCode::Poll => "NOTIFY_POLL",
            NotifyCode::InvalInode => "NOTIFY_INVAL_INODE",
            NotifyCode::InvalEntry => "NOTIFY_INVAL_ENTRY",
        })
    }
}
