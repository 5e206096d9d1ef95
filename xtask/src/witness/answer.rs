//! What may follow the header of an answer: the rules of `copy_out_args` (fs/fuse/dev.c), and of those who
//! read it in the kernel.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use step02_wire::abi::*;
use step02_wire::{Operation, Question, Reply, decode, decode_reply, fields};

use super::conversation::{Answer, Request};
use super::names;

const HEADER: usize = OutHeader::SIZE;
/// `FUSE_NAME_MAX` of the kernel, in bytes.
const NAME_MAX: usize = 1024;
/// What a READLINK has room for: a page, without the NUL.
const TARGET_MAX: usize = 4095;
/// The type in a mode.
const TYPE: u32 = 0o170000;
/// What a client gets where an answer makes no sense.
const EIO: &str = "Its client gets EIO.";

/// What is wrong with an answer.
pub struct Fault {
    pub field: Option<Range<usize>>,
    pub says: String,
    /// What the client gets, where the kernel takes the answer all the same.
    pub client: Option<&'static str>,
}

/// What has been told in one connection.
#[derive(Debug, Default)]
pub struct Session {
    /// The minor version that was agreed on.
    minor: Option<u32>,
    sizes: HashMap<u64, u64>,
    types: HashMap<u64, u32>,
    /// Handles of files that are not cached.
    direct: HashSet<u64>,
}

impl Session {
    fn is_older_than(&self, minor: u32) -> bool {
        self.minor.is_some_and(|agreed| agreed < minor)
    }

    fn learn(&mut self, node: u64, attr: &Attr) {
        self.sizes.insert(node, attr.size);
        self.types.insert(node, attr.mode & TYPE);
    }
}

/// What the kernel expects behind the header.
enum Payload {
    /// A struct of this name and size.
    Struct(&'static str, usize),
    /// As much as fits into so many bytes.
    UpTo(usize),
    /// A struct of this size, then up to so many bytes.
    Both(usize, usize),
    /// A struct that has grown: of these sizes any.
    Grown(Range<usize>),
    /// Nothing.
    None,
    /// Newer than 7.14.
    Unknown,
}

/// Looks at the answer to a request that succeeded, and learns from it.
pub fn check(
    session: &mut Session,
    question: Question,
    request: &Request,
    answer: &Answer,
) -> Option<Fault> {
    let (header, operation) = decode(&request.bytes).ok()?;
    let payload = payload(session, question, &operation);
    if let Some(fault) = wrong_size(&payload, names::opcode(question.opcode), answer) {
        return Some(fault);
    }
    let field = |name: &str| {
        let rows = fields::reply(question, &answer.bytes).rows;
        let row = rows.into_iter().rev().find(|row| row.field == name)?;
        Some(row.offset..row.offset + row.bytes.len())
    };
    let fault = |name: &str, says: String, client| {
        Some(Fault { field: field(name), says, client: Some(client) })
    };
    let reply = decode_reply(question, &answer.bytes).ok().map(|(_, reply)| reply);
    match (operation, reply) {
        (Operation::Init { arg }, _) => init(session, &arg, answer),
        (_, Some(Reply::Entry(entry) | Reply::Created(entry, _))) => {
            let is_lookup = matches!(operation, Operation::Lookup { .. });
            if entry.nodeid == 0 && is_lookup {
                return None;
            }
            if entry.nodeid == 0 || entry.nodeid == ROOT_ID {
                let says = format!(
                    "nodeid {} is {}",
                    entry.nodeid,
                    if entry.nodeid == 0 { "no node" } else { "the root directory" }
                );
                return fault("nodeid", says, EIO);
            }
            if let Some(says) = wrong_type(session, entry.nodeid, &entry.attr) {
                return fault("attr.mode", says, EIO);
            }
            session.learn(entry.nodeid, &entry.attr);
            None
        }
        (_, Some(Reply::Attr(out))) => {
            if let Some(says) = wrong_type(session, header.nodeid, &out.attr) {
                return fault("attr.mode", says, EIO);
            }
            session.learn(header.nodeid, &out.attr);
            None
        }
        (Operation::Open { .. } | Operation::Create { .. }, Some(Reply::Open(out))) => {
            if out.open_flags.contains(OpenReplyFlags::DIRECT_IO) {
                session.direct.insert(out.fh);
            }
            None
        }
        (Operation::Write { arg }, Some(Reply::Write(out))) => {
            session.sizes.remove(&header.nodeid);
            if out.size > arg.size {
                let says = format!(
                    "size says {}, the request brought {}",
                    out.size,
                    names::bytes(arg.size.into())
                );
                return fault("size", says, EIO);
            }
            None
        }
        (Operation::Readdir { .. }, _) => listing(answer),
        (Operation::Read { arg }, _) => short(session, header.nodeid, &arg, answer),
        _ => None,
    }
}

/// By the opcode: the struct that answers it, as old as the agreed version.
fn payload(session: &Session, question: Question, operation: &Operation<'_>) -> Payload {
    use Opcode::*;
    let old = |minor, then, now| if session.is_older_than(minor) { then } else { now };
    let entry = old(9, COMPAT_ENTRY_OUT_SIZE, EntryOut::SIZE);
    let Some(opcode) = Opcode::from_u32(question.opcode) else { return Payload::Unknown };
    match (opcode, operation) {
        (Read, Operation::Read { arg }) | (Readdir, Operation::Readdir { arg }) => {
            Payload::UpTo(arg.size as usize)
        }
        (Getxattr, Operation::Getxattr { arg, .. }) | (Listxattr, Operation::Listxattr { arg })
            if !question.size_only =>
        {
            Payload::UpTo(arg.size as usize)
        }
        (Getxattr | Listxattr, _) => Payload::Struct(GetxattrOut::NAME, GetxattrOut::SIZE),
        (Readlink, _) => Payload::UpTo(TARGET_MAX),
        (Ioctl, Operation::Ioctl { arg, .. }) => {
            Payload::Both(IoctlOut::SIZE, arg.out_size as usize)
        }
        // 64 bytes since 7.23; every kernel takes fewer.
        (Init, _) => Payload::Grown(8..64),
        (Lookup | Mknod | Mkdir | Symlink | Link, _) => Payload::Struct(EntryOut::NAME, entry),
        (Create, _) => Payload::Struct("fuse_entry_out and fuse_open_out", entry + OpenOut::SIZE),
        (Getattr | Setattr, _) => {
            Payload::Struct(AttrOut::NAME, old(9, COMPAT_ATTR_OUT_SIZE, AttrOut::SIZE))
        }
        (Open | Opendir, _) => Payload::Struct(OpenOut::NAME, OpenOut::SIZE),
        (Write, _) => Payload::Struct(WriteOut::NAME, WriteOut::SIZE),
        (Statfs, _) => {
            Payload::Struct(StatfsOut::NAME, old(4, COMPAT_STATFS_SIZE, StatfsOut::SIZE))
        }
        (Getlk, _) => Payload::Struct(LkOut::NAME, LkOut::SIZE),
        (Bmap, _) => Payload::Struct(BmapOut::NAME, BmapOut::SIZE),
        (Poll, _) => Payload::Struct(PollOut::NAME, PollOut::SIZE),
        (
            Unlink | Rmdir | Rename | Access | Setxattr | Removexattr | Flush | Release | Fsync
            | Setlk | Setlkw | Releasedir | Fsyncdir | Destroy,
            _,
        ) => Payload::None,
        _ => Payload::Unknown,
    }
}

fn wrong_size(payload: &Payload, opcode: String, answer: &Answer) -> Option<Fault> {
    let len = answer.len as usize;
    let found = len - HEADER;
    let came = names::bytes(found as u64);
    let (says, limit) = match payload {
        Payload::Struct(name, size) if found != *size => (
            format!("the answer to {opcode} is {name}, {size} bytes: {came} follow the header"),
            *size,
        ),
        Payload::UpTo(size) if found > *size => (
            format!(
                "longer than the size asked for: {came} follow the header, {size} were asked for"
            ),
            *size,
        ),
        Payload::Both(size, room) if found < *size || found > size + room => (
            format!(
                "the answer to {opcode} is {size} bytes, then at most {room}: {came} follow the header"
            ),
            size + room,
        ),
        Payload::Grown(sizes) if found < sizes.start || found > sizes.end => (
            format!(
                "the answer to {opcode} has {} bytes at least, {} at most: {came} follow the header",
                sizes.start, sizes.end
            ),
            sizes.end,
        ),
        Payload::None if found > 0 => {
            (format!("the answer to {opcode} is its header alone: {came} follow it"), 0)
        }
        _ => return None,
    };
    // What is too much; or what is there, where that is too little.
    let field = if found > limit { HEADER + limit..len } else { HEADER..len };
    Some(Fault { field: Some(field), says, client: None })
}

fn wrong_type(session: &Session, node: u64, attr: &Attr) -> Option<String> {
    let kind = attr.mode & TYPE;
    let known = session.types.get(&node).copied();
    if ![0o140000, 0o120000, 0o100000, 0o060000, 0o040000, 0o020000, 0o010000].contains(&kind) {
        return Some(format!(
            "mode 0{:o} has no type of file in it: 0100000 for a file, 040000 for a directory",
            attr.mode
        ));
    }
    known.filter(|known| *known != kind).map(|known| {
        format!(
            "mode 0{:o} makes node {node} another type of file than it was: 0{known:o}",
            attr.mode
        )
    })
}

fn init(session: &mut Session, offer: &InitIn, answer: &Answer) -> Option<Fault> {
    let number = |at: usize| {
        let bytes = answer.bytes.get(HEADER + at..HEADER + at + 4)?;
        Some(u32::from_ne_bytes(bytes.try_into().ok()?))
    };
    let fault = |at: usize, says, client| {
        Some(Fault { field: Some(HEADER + at..HEADER + at + 4), says, client: Some(client) })
    };
    const UNUSABLE: &str = "The kernel takes the file system for broken: every call on it fails.";
    let (major, minor) = (number(0)?, number(4)?);
    session.minor = Some(minor);
    if major != KERNEL_VERSION {
        return fault(
            0,
            format!("major says {major}, and the kernel speaks {KERNEL_VERSION}"),
            UNUSABLE,
        );
    }
    if minor > offer.minor {
        let says = format!("minor says {minor}, and the kernel has offered {}", offer.minor);
        return fault(4, says, "The lower of the two counts.");
    }
    let unknown = number(12).map_or(0, |flags| flags & !offer.flags.bits());
    if unknown != 0 {
        let flags = InitFlags::from_bits_retain(unknown);
        return fault(
            12,
            format!("flags has what the kernel did not offer: {flags}"),
            "The kernel may not do what they mean.",
        );
    }
    if number(20) == Some(0) {
        return fault(
            20,
            "max_write says 0: no WRITE could bring anything".into(),
            "The kernel makes 4096 of it.",
        );
    }
    None
}

/// A READ of a cached file that brings less than there is.
fn short(session: &Session, node: u64, arg: &ReadIn, answer: &Answer) -> Option<Fault> {
    let size = *session.sizes.get(&node)?;
    let wanted = u64::from(arg.size).min(size.saturating_sub(arg.offset));
    let found = answer.len - HEADER as u64;
    if found >= wanted || session.direct.contains(&arg.fh) {
        return None;
    }
    let says = format!(
        "{} of data, though {} were asked for and the file is {size} long: a short answer means that it ends there",
        names::bytes(found),
        arg.size
    );
    Some(Fault { field: Some(0..4), says, client: Some("Its client may see the file end there.") })
}

/// The entries, as `parse_dirfile` reads them (fs/fuse/readdir.c).
fn listing(answer: &Answer) -> Option<Fault> {
    let end = answer.len as usize;
    let number = |at: usize| {
        Some(u32::from_ne_bytes(answer.bytes.get(at..at + 4)?.try_into().ok()?) as usize)
    };
    const STOPS: &str =
        "The kernel reads no further: the client does not see what comes from here on.";
    let fault = |field, says: &str, client| {
        Some(Fault { field: Some(field), says: says.to_owned(), client: Some(client) })
    };
    // Where zeros were to stand, and something else does.
    let mut unpadded = None;
    let mut at = HEADER;
    while at < end {
        // The rest is not kept.
        if answer.bytes.len() < end && at + Dirent::SIZE + NAME_MAX > answer.bytes.len() {
            return None;
        }
        let wrong = if end - at < Dirent::SIZE {
            Some((
                at..end,
                format!(
                    "{} are left: an entry takes 24 and its name",
                    names::bytes((end - at) as u64)
                ),
                STOPS,
            ))
        } else {
            let namelen = number(at + 16)?;
            let name = at + Dirent::SIZE..at + Dirent::SIZE + namelen;
            let next = at + (Dirent::SIZE + namelen).next_multiple_of(8);
            let bytes = answer.bytes.get(name.clone()).unwrap_or_default();
            if namelen == 0 || namelen > NAME_MAX {
                Some((at + 16..at + 20, format!("namelen says {namelen}"), EIO))
            } else if name.end > end {
                Some((
                    at + 16..at + 20,
                    format!(
                        "namelen says {namelen}, and {} are left",
                        names::bytes((end - name.start) as u64)
                    ),
                    STOPS,
                ))
            } else if bytes.contains(&b'/') {
                Some((name, "a name has no / in it".to_owned(), EIO))
            } else if next > end {
                Some((
                    name.clone(),
                    format!(
                        "the name is not padded: an entry takes a multiple of 8 bytes, and here {} zeros are missing",
                        next - name.end
                    ),
                    STOPS,
                ))
            } else {
                let padding = name.end..next;
                if answer
                    .bytes
                    .get(padding.clone())
                    .is_some_and(|zeros| zeros.iter().any(|&zero| zero != 0))
                {
                    unpadded.get_or_insert(padding);
                }
                at = next;
                None
            }
        };
        if let Some((field, says, client)) = wrong {
            // What was read before it is given to the client, and no error.
            let client = if at > HEADER { STOPS } else { client };
            return match unpadded {
                Some(field) => fault(
                    field,
                    "zeros should stand here: an entry takes a multiple of 8 bytes, and the next one begins behind them",
                    client,
                ),
                None => fault(field, &says, client),
            };
        }
    }
    None
}
