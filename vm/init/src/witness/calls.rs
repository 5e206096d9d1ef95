//! The system calls that the witness stops at, and what it needs to know of each.

use nix::libc;

/// Where a call has what matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `(fd, buffer, length)`: a request, if `fd` is the device; a client's call otherwise.
    Read,
    /// `(fd, iovec, count)`: the same.
    Readv,
    /// `(fd, buffer, length)`: an answer, if `fd` is the device; a client's call otherwise.
    Write,
    /// `(fd, iovec, count)`: the same.
    Writev,
    /// `(fd, offset, fd, offset, length)`.
    Splice,
    /// `(fd, request)`.
    Ioctl,
    /// `(source, target, type)`.
    Mount,
    /// Who uses it cannot, under our eyes.
    Ptrace,
    /// A path is the argument of this number.
    Path(usize),
    /// Paths are the arguments of these two numbers.
    Paths(usize, usize),
    /// `(directory, path)`: the path may begin in a directory.
    At,
    /// `(directory, path, directory, path)`.
    AtAt,
    /// `(fd)`: a client's call, if `fd` is a file below a mount.
    Descriptor,
    /// `(fd, command)`: the same, if it is about locks.
    Fcntl,
}

/// Number, name and shape.
pub type Call = (libc::c_long, &'static str, Shape);

/// The call of this number.
pub fn find(number: u64) -> Option<&'static Call> {
    CALLS.iter().find(|(known, ..)| *known as u64 == number)
}

/// Those of x86-64: of a guest, that is. Most calls from before `openat` are not there on other machines.
#[cfg(not(target_arch = "x86_64"))]
pub const CALLS: &[Call] = &[];

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
pub const CALLS: &[Call] = &[
    (libc::SYS_read,         "read",         Shape::Read),
    (libc::SYS_readv,        "readv",        Shape::Readv),
    (libc::SYS_write,        "write",        Shape::Write),
    (libc::SYS_writev,       "writev",       Shape::Writev),
    (libc::SYS_splice,       "splice",       Shape::Splice),
    (libc::SYS_ioctl,        "ioctl",        Shape::Ioctl),
    (libc::SYS_mount,        "mount",        Shape::Mount),
    (libc::SYS_ptrace,       "ptrace",       Shape::Ptrace),

    (libc::SYS_open,         "open",         Shape::Path(0)),
    (libc::SYS_creat,        "creat",        Shape::Path(0)),
    (libc::SYS_stat,         "stat",         Shape::Path(0)),
    (libc::SYS_lstat,        "lstat",        Shape::Path(0)),
    (libc::SYS_statfs,       "statfs",       Shape::Path(0)),
    (libc::SYS_access,       "access",       Shape::Path(0)),
    (libc::SYS_readlink,     "readlink",     Shape::Path(0)),
    (libc::SYS_mkdir,        "mkdir",        Shape::Path(0)),
    (libc::SYS_rmdir,        "rmdir",        Shape::Path(0)),
    (libc::SYS_unlink,       "unlink",       Shape::Path(0)),
    (libc::SYS_mknod,        "mknod",        Shape::Path(0)),
    (libc::SYS_chmod,        "chmod",        Shape::Path(0)),
    (libc::SYS_chown,        "chown",        Shape::Path(0)),
    (libc::SYS_lchown,       "lchown",       Shape::Path(0)),
    (libc::SYS_truncate,     "truncate",     Shape::Path(0)),
    (libc::SYS_chdir,        "chdir",        Shape::Path(0)),
    (libc::SYS_execve,       "execve",       Shape::Path(0)),
    (libc::SYS_getxattr,     "getxattr",     Shape::Path(0)),
    (libc::SYS_lgetxattr,    "lgetxattr",    Shape::Path(0)),
    (libc::SYS_setxattr,     "setxattr",     Shape::Path(0)),
    (libc::SYS_lsetxattr,    "lsetxattr",    Shape::Path(0)),
    (libc::SYS_listxattr,    "listxattr",    Shape::Path(0)),
    (libc::SYS_llistxattr,   "llistxattr",   Shape::Path(0)),
    (libc::SYS_removexattr,  "removexattr",  Shape::Path(0)),
    (libc::SYS_lremovexattr, "lremovexattr", Shape::Path(0)),
    (libc::SYS_symlink,      "symlink",      Shape::Path(1)),
    (libc::SYS_link,         "link",         Shape::Paths(0, 1)),
    (libc::SYS_rename,       "rename",       Shape::Paths(0, 1)),

    (libc::SYS_openat,       "openat",       Shape::At),
    (libc::SYS_openat2,      "openat2",      Shape::At),
    (libc::SYS_newfstatat,   "newfstatat",   Shape::At),
    (libc::SYS_statx,        "statx",        Shape::At),
    (libc::SYS_faccessat,    "faccessat",    Shape::At),
    (libc::SYS_faccessat2,   "faccessat2",   Shape::At),
    (libc::SYS_readlinkat,   "readlinkat",   Shape::At),
    (libc::SYS_mkdirat,      "mkdirat",      Shape::At),
    (libc::SYS_unlinkat,     "unlinkat",     Shape::At),
    (libc::SYS_mknodat,      "mknodat",      Shape::At),
    (libc::SYS_fchmodat,     "fchmodat",     Shape::At),
    (libc::SYS_fchownat,     "fchownat",     Shape::At),
    (libc::SYS_utimensat,    "utimensat",    Shape::At),
    (libc::SYS_linkat,       "linkat",       Shape::AtAt),
    (libc::SYS_renameat,     "renameat",     Shape::AtAt),
    (libc::SYS_renameat2,    "renameat2",    Shape::AtAt),

    (libc::SYS_close,        "close",        Shape::Descriptor),
    (libc::SYS_fstat,        "fstat",        Shape::Descriptor),
    (libc::SYS_fstatfs,      "fstatfs",      Shape::Descriptor),
    (libc::SYS_getdents64,   "getdents64",   Shape::Descriptor),
    (libc::SYS_pread64,      "pread64",      Shape::Descriptor),
    (libc::SYS_pwrite64,     "pwrite64",     Shape::Descriptor),
    (libc::SYS_ftruncate,    "ftruncate",    Shape::Descriptor),
    (libc::SYS_fallocate,    "fallocate",    Shape::Descriptor),
    (libc::SYS_fsync,        "fsync",        Shape::Descriptor),
    (libc::SYS_fdatasync,    "fdatasync",    Shape::Descriptor),
    (libc::SYS_fchmod,       "fchmod",       Shape::Descriptor),
    (libc::SYS_fchown,       "fchown",       Shape::Descriptor),
    (libc::SYS_fcntl,        "fcntl",        Shape::Fcntl),
    (libc::SYS_flock,        "flock",        Shape::Descriptor),
    (libc::SYS_fgetxattr,    "fgetxattr",    Shape::Descriptor),
    (libc::SYS_fsetxattr,    "fsetxattr",    Shape::Descriptor),
];
