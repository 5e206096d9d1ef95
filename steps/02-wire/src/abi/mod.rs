//! `<linux/fuse.h>` of protocol 7.14 in Rust: layouts and numbers, no logic.
//!
//! Names are the kernel's: `fuse_in_header` is [`InHeader`], `FUSE_LOOKUP` is [`Opcode::Lookup`],
//! `FATTR_SIZE` is [`SetattrValid::SIZE`]. Fields keep the names that they had at that time,
//! padding included. The test `tests/kernel_header.rs` compares every struct, field and number with
//! the header of this machine.
//!
//! A struct ends in `_in` (`In`) when the kernel sends it and in `_out` (`Out`) when the server
//! does.

mod file;
mod flags;
mod layout;
mod node;
mod opcode;
mod session;

pub use file::*;
pub use flags::*;
pub use layout::{Field, FieldKind, FieldType, Layout, WireStruct};
pub use node::*;
pub use opcode::{LATER_OPCODES, LaterOpcode, NotifyCode, Opcode};
pub use session::*;

/// `FUSE_KERNEL_VERSION`: the protocol's major version.
pub const KERNEL_VERSION: u32 = 7;
/// `FUSE_KERNEL_MINOR_VERSION`: the minor version that this kit speaks.
pub const KERNEL_MINOR_VERSION: u32 = 14;
/// `FUSE_ROOT_ID`: the node id of the root directory.
pub const ROOT_ID: u64 = 1;
/// `FUSE_MIN_READ_BUFFER`: a read with a smaller buffer is refused, in bytes.
pub const MIN_READ_BUFFER: usize = 8192;
/// `FUSE_IOCTL_MAX_IOV`: most buffers in one IOCTL retry, both directions together.
pub const IOCTL_MAX_IOV: usize = 256;
/// `CUSE_INIT_INFO_MAX`: room for the text that follows [`CuseInitOut`], in bytes.
pub const CUSE_INIT_INFO_MAX: usize = 4096;

// Sizes of structs before they grew. A 7.14 server meets none of them; the header lists them, and
// so do we.
/// `FUSE_COMPAT_ENTRY_OUT_SIZE`: [`EntryOut`] before 7.9.
pub const COMPAT_ENTRY_OUT_SIZE: usize = 120;
/// `FUSE_COMPAT_ATTR_OUT_SIZE`: [`AttrOut`] before 7.9.
pub const COMPAT_ATTR_OUT_SIZE: usize = 96;
/// `FUSE_COMPAT_MKNOD_IN_SIZE`: [`MknodIn`] before 7.12.
pub const COMPAT_MKNOD_IN_SIZE: usize = 8;
/// `FUSE_COMPAT_WRITE_IN_SIZE`: [`WriteIn`] before 7.9.
pub const COMPAT_WRITE_IN_SIZE: usize = 24;
/// `FUSE_COMPAT_STATFS_SIZE`: [`StatfsOut`] before 7.4.
pub const COMPAT_STATFS_SIZE: usize = 48;

/// The numbers above under the kernel's names.
pub const CONSTANTS: &[(&str, u64)] = &[
    ("FUSE_KERNEL_VERSION", KERNEL_VERSION as u64),
    ("FUSE_KERNEL_MINOR_VERSION", KERNEL_MINOR_VERSION as u64),
    ("FUSE_ROOT_ID", ROOT_ID),
    ("FUSE_MIN_READ_BUFFER", MIN_READ_BUFFER as u64),
    ("FUSE_IOCTL_MAX_IOV", IOCTL_MAX_IOV as u64),
    ("CUSE_INIT_INFO_MAX", CUSE_INIT_INFO_MAX as u64),
    ("FUSE_COMPAT_ENTRY_OUT_SIZE", COMPAT_ENTRY_OUT_SIZE as u64),
    ("FUSE_COMPAT_ATTR_OUT_SIZE", COMPAT_ATTR_OUT_SIZE as u64),
    ("FUSE_COMPAT_MKNOD_IN_SIZE", COMPAT_MKNOD_IN_SIZE as u64),
    ("FUSE_COMPAT_WRITE_IN_SIZE", COMPAT_WRITE_IN_SIZE as u64),
    ("FUSE_COMPAT_STATFS_SIZE", COMPAT_STATFS_SIZE as u64),
];

/// Every struct of the protocol.
pub const ALL: &[Layout] = &[
    // session
    InHeader::WIRE_LAYOUT,
    OutHeader::WIRE_LAYOUT,
    InitIn::WIRE_LAYOUT,
    InitOut::WIRE_LAYOUT,
    CuseInitIn::WIRE_LAYOUT,
    CuseInitOut::WIRE_LAYOUT,
    InterruptIn::WIRE_LAYOUT,
    NotifyPollWakeupOut::WIRE_LAYOUT,
    NotifyInvalInodeOut::WIRE_LAYOUT,
    NotifyInvalEntryOut::WIRE_LAYOUT,
    // nodes
    Attr::WIRE_LAYOUT,
    EntryOut::WIRE_LAYOUT,
    AttrOut::WIRE_LAYOUT,
    GetattrIn::WIRE_LAYOUT,
    SetattrIn::WIRE_LAYOUT,
    ForgetIn::WIRE_LAYOUT,
    MknodIn::WIRE_LAYOUT,
    MkdirIn::WIRE_LAYOUT,
    RenameIn::WIRE_LAYOUT,
    LinkIn::WIRE_LAYOUT,
    AccessIn::WIRE_LAYOUT,
    SetxattrIn::WIRE_LAYOUT,
    GetxattrIn::WIRE_LAYOUT,
    GetxattrOut::WIRE_LAYOUT,
    Kstatfs::WIRE_LAYOUT,
    StatfsOut::WIRE_LAYOUT,
    // open files
    OpenIn::WIRE_LAYOUT,
    CreateIn::WIRE_LAYOUT,
    OpenOut::WIRE_LAYOUT,
    ReadIn::WIRE_LAYOUT,
    WriteIn::WIRE_LAYOUT,
    WriteOut::WIRE_LAYOUT,
    FlushIn::WIRE_LAYOUT,
    ReleaseIn::WIRE_LAYOUT,
    FsyncIn::WIRE_LAYOUT,
    Dirent::WIRE_LAYOUT,
    FileLock::WIRE_LAYOUT,
    LkIn::WIRE_LAYOUT,
    LkOut::WIRE_LAYOUT,
    BmapIn::WIRE_LAYOUT,
    BmapOut::WIRE_LAYOUT,
    IoctlIn::WIRE_LAYOUT,
    IoctlOut::WIRE_LAYOUT,
    PollIn::WIRE_LAYOUT,
    PollOut::WIRE_LAYOUT,
];
