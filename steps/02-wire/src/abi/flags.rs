//! The sets of flags.
//!
//! A field that holds flags has one of these types, so `arg.valid.contains(SetattrValid::SIZE)` is
//! all it takes. Bits that 7.14 has no name for stay in the set: a kernel of today sends some, and
//! a trace should show them.

use super::layout::{FieldKind, FieldType};
use bitflags::bitflags;
use std::fmt;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

macro_rules! flags {
    ($(
        $(#[$doc:meta])*
        $name:ident = $prefix:literal { $($(#[doc = $flag_doc:literal])* $flag:ident = $bit:expr;)* }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(transparent)]
        pub struct $name(u32);

        bitflags! {
            impl $name: u32 { $($(#[doc = $flag_doc])* const $flag = $bit;)* }
        }

        impl $name {
            /// What the kernel's names begin with.
            pub const PREFIX: &'static str = $prefix;
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print(f, self.0, &mut self.iter_names().map(|(name, flag)| (name, flag.0)))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FieldType for $name {
            const KIND: FieldKind = FieldKind::Flags(|bits| $name(bits).to_string());
        }
    )*};
}

/// `A|B|0x80`: the names, then the bits without a name. The empty set is `0`.
fn print(
    f: &mut fmt::Formatter<'_>,
    bits: u32,
    names: &mut dyn Iterator<Item = (&'static str, u32)>,
) -> fmt::Result {
    let mut nameless = bits;
    let mut separator = "";
    for (name, flag) in names {
        write!(f, "{separator}{name}")?;
        nameless &= !flag;
        separator = "|";
    }
    match (nameless, separator) {
        (0, "") => f.write_str("0"),
        (0, _) => Ok(()),
        _ => write!(f, "{separator}{nameless:#x}"),
    }
}

flags! {
    /// What both sides can do ([`InitIn`](super::InitIn), [`InitOut`](super::InitOut)): the kernel
    /// offers, the server picks. 7.14 has bits 0 to 6. Echo nothing above: the server would promise
    /// what it does not know.
    InitFlags = "FUSE_" {
        /// Several READs of one file at the same time. Since 7.6.
        ASYNC_READ = 1 << 0;
        /// The server keeps the POSIX locks. Without it the kernel does, for this machine alone.
        /// Since 7.7.
        POSIX_LOCKS = 1 << 1;
        /// Reserved, and never offered by a kernel.
        FILE_OPS = 1 << 2;
        /// OPEN with O_TRUNC truncates. Without it the kernel sends a SETATTR with size 0 as well.
        ATOMIC_O_TRUNC = 1 << 3;
        /// LOOKUP of `.` and `..` works, which NFS export needs.
        EXPORT_SUPPORT = 1 << 4;
        /// A WRITE may carry more than one page.
        BIG_WRITES = 1 << 5;
        /// The server applies the umask. Without it the kernel does, before it asks. Since 7.12.
        DONT_MASK = 1 << 6;
    }

    /// The same for a character device ([`CuseInitIn`](super::CuseInitIn)).
    CuseInitFlags = "CUSE_" {
        /// IOCTL may reach any memory of its caller. Since 7.12.
        UNRESTRICTED_IOCTL = 1 << 0;
    }

    /// Which fields of [`SetattrIn`](super::SetattrIn) count.
    SetattrValid = "FATTR_" {
        /// `mode` counts.
        MODE = 1 << 0;
        /// `uid` counts.
        UID = 1 << 1;
        /// `gid` counts.
        GID = 1 << 2;
        /// `size` counts: truncate, or extend with zeros.
        SIZE = 1 << 3;
        /// `atime` counts.
        ATIME = 1 << 4;
        /// `mtime` counts.
        MTIME = 1 << 5;
        /// `fh` counts: the caller used an open file (ftruncate). Since 7.3.
        FH = 1 << 6;
        /// Set atime to the server's present time. Since 7.9.
        ATIME_NOW = 1 << 7;
        /// Set mtime to the server's present time. Since 7.9.
        MTIME_NOW = 1 << 8;
        /// `lock_owner` counts. Since 7.9.
        LOCKOWNER = 1 << 9;
    }

    /// What the answer to OPEN tells the kernel about the file ([`OpenOut`](super::OpenOut)).
    OpenReplyFlags = "FOPEN_" {
        /// Do not use the page cache: each read(2) becomes a READ. Since 7.2.
        DIRECT_IO = 1 << 0;
        /// Keep what is in the page cache from earlier opens. Since 7.2.
        KEEP_CACHE = 1 << 1;
        /// No lseek, no pread: the file is a stream. Since 7.10.
        NONSEEKABLE = 1 << 2;
    }

    /// What comes with RELEASE ([`ReleaseIn`](super::ReleaseIn)).
    ReleaseFlags = "FUSE_RELEASE_" {
        /// Do the work of a FLUSH as well. Since 7.8.
        FLUSH = 1 << 0;
    }

    /// What comes with GETATTR ([`GetattrIn`](super::GetattrIn)).
    GetattrFlags = "FUSE_GETATTR_" {
        /// `fh` counts: the caller used an open file (fstat). Since 7.9.
        FH = 1 << 0;
    }

    /// What comes with GETLK, SETLK and SETLKW ([`LkIn`](super::LkIn)).
    LockFlags = "FUSE_LK_" {
        /// A lock of flock(2), on the whole file. Since 7.9.
        FLOCK = 1 << 0;
    }

    /// What comes with WRITE ([`WriteIn`](super::WriteIn)).
    WriteFlags = "FUSE_WRITE_" {
        /// Written back from the page cache: `fh` is a guess.
        CACHE = 1 << 0;
        /// `lock_owner` counts. Since 7.9.
        LOCKOWNER = 1 << 1;
    }

    /// What comes with READ ([`ReadIn`](super::ReadIn)).
    ReadFlags = "FUSE_READ_" {
        /// `lock_owner` counts. Since 7.9. Bit 1, as for WRITE.
        LOCKOWNER = 1 << 1;
    }

    /// What comes with FSYNC and FSYNCDIR ([`FsyncIn`](super::FsyncIn)).
    FsyncFlags = "FUSE_FSYNC_" {
        /// fdatasync: the data, not the times. The bit is as old as FSYNC; the header named it
        /// after 7.14.
        FDATASYNC = 1 << 0;
    }

    /// What comes with IOCTL, and with its answer ([`IoctlIn`](super::IoctlIn),
    /// [`IoctlOut`](super::IoctlOut)).
    IoctlFlags = "FUSE_IOCTL_" {
        /// A 32-bit program calls a 64-bit kernel. Since 7.11.
        COMPAT = 1 << 0;
        /// Not bound to what the command number says of sizes; only CUSE sends it. Since 7.11.
        UNRESTRICTED = 1 << 1;
        /// In an answer: ask again with the buffers that follow. Since 7.11.
        RETRY = 1 << 2;
    }

    /// What comes with POLL ([`PollIn`](super::PollIn)).
    PollFlags = "FUSE_POLL_" {
        /// Send a notification when the file becomes ready. Since 7.11.
        SCHEDULE_NOTIFY = 1 << 0;
    }
}
