//! One message, one line: `LOOKUP(node 1, "hello.txt")`.
//!
//! These lines leave out what most readers do not need, such as the flags of open(2) that come with
//! each READ. [`fields`](crate::fields) prints all.
//!
//! The alternate form, `{:#}`, leaves out what differs from run to run: owners of locks, process
//! ids, addresses.

use crate::abi::*;
use crate::dirents::dirents;
use crate::malformed::opcode_name;
use crate::operation::Operation;
use crate::reply::{Notification, Reply};
use crate::values::*;
use std::ffi::OsStr;
use std::fmt::{Display, Formatter, Result};
use std::os::unix::ffi::OsStrExt;

/// Payloads are cut after so many bytes, …
const DATA_SHOWN: usize = 32;
/// … names after so many, …
const NAME_SHOWN: usize = 64;
/// … and lists after so many names.
const LIST_SHOWN: usize = 8;

/// A request as one line. [`decode`](crate::decode()) gives the parts.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The request's header.
    pub header: &'a InHeader,
    /// What it asks.
    pub operation: &'a Operation<'a>,
    /// The data of a WRITE, when they are in memory.
    pub payload: Option<&'a [u8]>,
}

impl Display for Request<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&opcode_name(self.header.opcode))?;
        f.write_str("(")?;
        match self.operation {
            Operation::Init { arg } => {
                let InitIn { major, minor, max_readahead, flags } = arg;
                write!(f, "version {major}.{minor}, max_readahead={max_readahead}, flags={flags}")?;
            }
            Operation::CuseInit { arg } => {
                write!(f, "version {}.{}, flags={}", arg.major, arg.minor, arg.flags)?
            }
            Operation::Destroy => {}
            Operation::Interrupt { arg } => write!(f, "#{}", arg.unique)?,
            _ => {
                write!(f, "node {}", self.header.nodeid)?;
                self.arguments(f)?;
            }
        }
        f.write_str(")")
    }
}

impl Request<'_> {
    /// What follows the node.
    fn arguments(&self, f: &mut Formatter<'_>) -> Result {
        use Operation::*;
        match *self.operation {
            Init { .. } | CuseInit { .. } | Destroy | Interrupt { .. } | Readlink | Statfs => {
                Ok(())
            }
            Lookup { name } | Unlink { name } | Rmdir { name } | Removexattr { name } => {
                write!(f, ", {}", Name(name))
            }
            Forget { arg } => write!(f, ", nlookup={}", arg.nlookup),
            Symlink { name, target } => write!(f, ", {}, target {}", Name(name), Name(target)),
            Mknod { arg, name } => {
                write!(
                    f,
                    ", {}, mode={}, umask={}",
                    Name(name),
                    Octal(arg.mode),
                    Octal(arg.umask)
                )?;
                if arg.rdev != 0 { write!(f, ", rdev={:#x}", arg.rdev) } else { Ok(()) }
            }
            Mkdir { arg, name } => {
                write!(f, ", {}, mode={}, umask={}", Name(name), Octal(arg.mode), Octal(arg.umask))
            }
            Create { arg, name } => write!(
                f,
                ", {}, {}, mode={}, umask={}",
                Name(name),
                open_flags(arg.flags),
                Octal(arg.mode),
                Octal(arg.umask)
            ),
            Rename { arg, name, new_name } => {
                write!(f, ", {}, to node {}, {}", Name(name), arg.newdir, Name(new_name))
            }
            Link { arg, name } => write!(f, ", {}, to node {}", Name(name), arg.oldnodeid),
            Getattr { arg } if arg.getattr_flags.contains(GetattrFlags::FH) => {
                write!(f, ", fh={}", arg.fh)
            }
            Getattr { .. } => Ok(()),
            Setattr { arg } => self.changes(f, &arg),
            Access { arg } => write!(f, ", {}", access_mask(arg.mask)),
            Bmap { arg } => write!(f, ", block {} of {} bytes each", arg.block, arg.blocksize),
            Open { arg } | Opendir { arg } => write!(f, ", {}", open_flags(arg.flags)),
            Read { arg } | Readdir { arg } => {
                write!(f, ", fh={}, {} bytes at {}", arg.fh, arg.size, arg.offset)
            }
            Write { arg } => {
                write!(f, ", fh={}, {} bytes at {}", arg.fh, arg.size, arg.offset)?;
                if let Some(data) = self.payload {
                    write!(f, ", {}", quoted(data, DATA_SHOWN))?;
                }
                flags(f, arg.write_flags.difference(WriteFlags::LOCKOWNER))
            }
            Flush { arg } => write!(f, ", fh={}", arg.fh),
            Release { arg } | Releasedir { arg } => {
                write!(f, ", fh={}", arg.fh)?;
                flags(f, arg.release_flags)
            }
            Fsync { arg } | Fsyncdir { arg } => {
                write!(f, ", fh={}", arg.fh)?;
                flags(f, arg.fsync_flags)
            }
            Setxattr { arg, name, value } => {
                write!(f, ", {}, {}", Name(name), quoted(value, DATA_SHOWN))?;
                match arg.flags {
                    0 => Ok(()),
                    1 => f.write_str(", XATTR_CREATE"),
                    2 => f.write_str(", XATTR_REPLACE"),
                    other => write!(f, ", flags={other:#x}"),
                }
            }
            Getxattr { arg, name } => write!(f, ", {}, size={}", Name(name), arg.size),
            Listxattr { arg } => write!(f, ", size={}", arg.size),
            Getlk { arg } | Setlk { arg } | Setlkw { arg } => {
                write!(f, ", fh={}, ", arg.fh)?;
                Lock(&arg.lk).fmt(f)?;
                if !f.alternate() {
                    write!(f, ", owner={:#x}", arg.owner)?;
                }
                flags(f, arg.lk_flags)
            }
            Ioctl { arg, data } => {
                write!(f, ", fh={}, cmd={:#x}, room for {} bytes", arg.fh, arg.cmd, arg.out_size)?;
                if !data.is_empty() {
                    write!(f, ", {}", quoted(data, DATA_SHOWN))?;
                }
                if !f.alternate() {
                    write!(f, ", arg={:#x}", arg.arg)?;
                }
                flags(f, arg.flags)
            }
            Poll { arg } => {
                write!(f, ", fh={}, kh={}", arg.fh, arg.kh)?;
                flags(f, arg.flags)
            }
            Unknown { body, .. } => write!(f, ", {} bytes: newer than 7.14", body.len()),
        }
    }

    /// The attributes that a SETATTR is about, and only those.
    fn changes(&self, f: &mut Formatter<'_>, arg: &SetattrIn) -> Result {
        let valid = arg.valid;
        if valid.contains(SetattrValid::MODE) {
            write!(f, ", mode={}", Octal(arg.mode))?;
        }
        if valid.contains(SetattrValid::UID) {
            write!(f, ", uid={}", arg.uid)?;
        }
        if valid.contains(SetattrValid::GID) {
            write!(f, ", gid={}", arg.gid)?;
        }
        if valid.contains(SetattrValid::SIZE) {
            write!(f, ", size={}", arg.size)?;
        }
        if valid.contains(SetattrValid::ATIME_NOW) {
            f.write_str(", atime=now")?;
        } else if valid.contains(SetattrValid::ATIME) {
            write!(f, ", atime={}", instant(arg.atime, arg.atimensec))?;
        }
        if valid.contains(SetattrValid::MTIME_NOW) {
            f.write_str(", mtime=now")?;
        } else if valid.contains(SetattrValid::MTIME) {
            write!(f, ", mtime={}", instant(arg.mtime, arg.mtimensec))?;
        }
        if valid.contains(SetattrValid::FH) {
            write!(f, ", fh={}", arg.fh)?;
        }
        flags(f, SetattrValid::from_bits_retain(valid.bits() & !SetattrValid::all().bits()))
    }
}

impl Display for Reply<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Reply::Error(error) => write!(f, "-{}", errno(*error)),
            Reply::Done => f.write_str("ok"),
            Reply::Init(out) => {
                let InitOut {
                    major,
                    minor,
                    max_readahead,
                    flags,
                    max_background,
                    congestion_threshold,
                    max_write,
                } = out;
                write!(
                    f,
                    "{{version {major}.{minor}, max_readahead={max_readahead}, flags={flags}, "
                )?;
                write!(
                    f,
                    "max_background={max_background}, congestion_threshold={congestion_threshold}, "
                )?;
                write!(f, "max_write={max_write}}}")
            }
            Reply::CuseInit(out, text) => {
                let CuseInitOut {
                    major,
                    minor,
                    flags,
                    max_read,
                    max_write,
                    dev_major,
                    dev_minor,
                    ..
                } = out;
                write!(
                    f,
                    "{{version {major}.{minor}, flags={flags}, max_read={max_read}, max_write={max_write}, "
                )?;
                write!(f, "device {dev_major}:{dev_minor}}} {}", quoted(text, NAME_SHOWN))
            }
            Reply::Entry(entry) => write!(f, "{{{}}}", Entry(entry)),
            Reply::Created(entry, open) => write!(f, "{{{}}} {{{}}}", Entry(entry), Opened(open)),
            Reply::Attr(out) => {
                let valid = duration(out.attr_valid, out.attr_valid_nsec);
                write!(f, "{{attr {{{}}} valid {valid}}}", Attributes(&out.attr))
            }
            Reply::Open(out) => write!(f, "{{{}}}", Opened(out)),
            Reply::Write(out) => write!(f, "{} bytes", out.size),
            Reply::Statfs(out) => {
                let Kstatfs { blocks, bfree, bavail, files, ffree, bsize, namelen, frsize, .. } =
                    out.st;
                write!(
                    f,
                    "{{blocks={blocks}, bfree={bfree}, bavail={bavail}, files={files}, ffree={ffree}, "
                )?;
                write!(f, "bsize={bsize}, namelen={namelen}, frsize={frsize}}}")
            }
            Reply::XattrSize(out) => write!(f, "size={}", out.size),
            Reply::Names(bytes) => {
                let names = bytes.split_inclusive(|&byte| byte == 0);
                list(
                    f,
                    ["name", "names"],
                    names.map(|name| OsStr::from_bytes(name.strip_suffix(b"\0").unwrap_or(name))),
                )
            }
            Reply::Target(bytes) => write!(f, "{}", Name(OsStr::from_bytes(bytes))),
            Reply::Data([]) => f.write_str("0 bytes"),
            Reply::Data(bytes) => write!(f, "{} bytes {}", bytes.len(), quoted(bytes, DATA_SHOWN)),
            Reply::Dirents(bytes) => {
                list(f, ["entry", "entries"], dirents(bytes).map(|(_, name)| name))
            }
            Reply::Lock(out) => {
                f.write_str("{")?;
                Lock(&out.lk).fmt(f)?;
                f.write_str("}")
            }
            Reply::Bmap(out) => write!(f, "block {}", out.block),
            Reply::Ioctl(out, data) => {
                write!(f, "{{result={}", out.result)?;
                flags(f, out.flags)?;
                f.write_str("}")?;
                if data.is_empty() {
                    Ok(())
                } else {
                    write!(f, " {} bytes {}", data.len(), quoted(data, DATA_SHOWN))
                }
            }
            Reply::Poll(out) => write!(f, "{{revents={:#x}}}", out.revents),
            Reply::Unknown(body) => write!(f, "{} bytes", body.len()),
        }
    }
}

impl Display for Notification<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Notification::Poll(out) => write!(f, "{}(kh={})", NotifyCode::Poll, out.kh),
            Notification::InvalInode(out) => {
                write!(
                    f,
                    "{}(node {}, off={}, len={})",
                    NotifyCode::InvalInode,
                    out.ino,
                    out.off,
                    out.len
                )
            }
            Notification::InvalEntry(out, name) => {
                write!(f, "{}(node {}, {})", NotifyCode::InvalEntry, out.parent, Name(name))
            }
            Notification::Unknown(code, body) => {
                write!(f, "notification {code}({} bytes)", body.len())
            }
        }
    }
}

/// `, FLAG|FLAG`, or nothing.
fn flags<F: bitflags::Flags + Display>(f: &mut Formatter<'_>, set: F) -> Result {
    if set.is_empty() { Ok(()) } else { write!(f, ", {set}") }
}

/// `3 entries "." ".." "hello.txt"`.
fn list<'a>(
    f: &mut Formatter<'_>,
    [one, many]: [&str; 2],
    names: impl Iterator<Item = &'a OsStr>,
) -> Result {
    let names: Vec<_> = names.collect();
    write!(f, "{} {}", names.len(), if names.len() == 1 { one } else { many })?;
    for name in names.iter().take(LIST_SHOWN) {
        write!(f, " {}", Name(name))?;
    }
    if names.len() > LIST_SHOWN { f.write_str(" …") } else { Ok(()) }
}

/// A name in quotes.
struct Name<'a>(&'a OsStr);

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(&quoted(self.0.as_bytes(), NAME_SHOWN))
    }
}

/// `0644`, as chmod has it.
struct Octal(u32);

impl Display for Octal {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.0 == 0 { f.write_str("0") } else { write!(f, "0{:o}", self.0) }
    }
}

/// The attributes of a node. The times and the rest are left to [`fields`](crate::fields).
struct Attributes<'a>(&'a Attr);

impl Display for Attributes<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Attr { ino, mode, uid, gid, size, nlink, .. } = self.0;
        write!(f, "ino {ino}, {} {uid}:{gid}, size {size}, nlink {nlink}, …", mode_as_ls(*mode))
    }
}

/// A node that is handed out.
struct Entry<'a>(&'a EntryOut);

impl Display for Entry<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let entry = self.0;
        let entry_valid = duration(entry.entry_valid, entry.entry_valid_nsec);
        let attr_valid = duration(entry.attr_valid, entry.attr_valid_nsec);
        if entry.nodeid == 0 {
            return write!(f, "no such name, entry valid {entry_valid}");
        }
        write!(f, "node {}", entry.nodeid)?;
        if entry.generation != 0 {
            write!(f, " generation {}", entry.generation)?;
        }
        write!(
            f,
            ", entry valid {entry_valid}, attr {{{}}} valid {attr_valid}",
            Attributes(&entry.attr)
        )
    }
}

/// An open file.
struct Opened<'a>(&'a OpenOut);

impl Display for Opened<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "fh={}", self.0.fh)?;
        flags(f, self.0.open_flags)
    }
}

/// A lock: `F_WRLCK bytes 0 to 9`.
struct Lock<'a>(&'a FileLock);

impl Display for Lock<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let FileLock { start, end, r#type, pid } = self.0;
        write!(f, "{} bytes {start}", lock_type(*r#type))?;
        if *end == i64::MAX as u64 {
            f.write_str(" to the end")?;
        } else {
            write!(f, " to {end}")?;
        }
        if f.alternate() { Ok(()) } else { write!(f, ", pid={pid}") }
    }
}
