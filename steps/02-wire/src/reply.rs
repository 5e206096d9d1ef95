//! Reads replies and notifications back: for traces and tests, and to check what a server says.
//!
//! A reply does not say what it answers. One has to remember the [`Question`].

use crate::abi::*;
use crate::cursor::Cursor;
use crate::dirents::next_entry;
use crate::malformed::{Fault, Malformed, Problem};
use crate::operation::Operation;
use std::ffi::OsStr;

/// What one has to remember of a request to understand its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// What was asked: an [`Opcode`], or a number that is newer.
    pub opcode: u32,
    /// Did a GETXATTR or LISTXATTR ask for the size alone?
    pub size_only: bool,
}

impl Question {
    /// What to remember of this request.
    pub fn of(header: &InHeader, operation: &Operation<'_>) -> Question {
        let size_only = matches!(
            operation,
            Operation::Getxattr { arg: GetxattrIn { size: 0, .. }, .. }
                | Operation::Listxattr { arg: GetxattrIn { size: 0, .. } }
        );
        Question { opcode: header.opcode, size_only }
    }
}

/// An answer without its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // Each variant is the body that `encode` has in its table.
pub enum Reply<'a> {
    /// It failed, with this errno, as a positive number.
    Error(i32),
    /// It went well, and that is all there is to say.
    Done,
    Init(InitOut),
    Entry(EntryOut),
    Created(EntryOut, OpenOut),
    Attr(AttrOut),
    Open(OpenOut),
    Write(WriteOut),
    Statfs(StatfsOut),
    XattrSize(GetxattrOut),
    /// The names of LISTXATTR, each with a NUL at its end.
    Names(&'a [u8]),
    /// The path of READLINK.
    Target(&'a [u8]),
    /// The data of READ and GETXATTR.
    Data(&'a [u8]),
    /// The entries of READDIR: see [`dirents`](crate::dirents()).
    Dirents(&'a [u8]),
    Lock(LkOut),
    Bmap(BmapOut),
    Ioctl(IoctlOut, &'a [u8]),
    Poll(PollOut),
    CuseInit(CuseInitOut, &'a [u8]),
    /// The answer to something newer than 7.14.
    Unknown(&'a [u8]),
}

/// Reads a reply. The whole message must be there, to the byte: the kernel is as strict.
pub fn decode_reply(
    question: Question,
    message: &[u8],
) -> Result<(OutHeader, Reply<'_>), Malformed> {
    decode_reply_from(question, &mut Cursor::new(message))
        .map_err(|fault| fault.in_reply(Some(question.opcode), message))
}

/// The same, from a cursor that may leave a trail.
pub(crate) fn decode_reply_from<'a>(
    question: Question,
    cursor: &mut Cursor<'a>,
) -> Result<(OutHeader, Reply<'a>), Fault> {
    let header = header(cursor)?;
    let reply = match header.error {
        0 => body(question, cursor)?,
        error => Reply::Error(error.checked_neg().unwrap_or(i32::MAX)),
    };
    cursor.end()?;
    Ok((header, reply))
}

/// The header, whose length must be that of the message.
fn header(cursor: &mut Cursor<'_>) -> Result<OutHeader, Fault> {
    let found = cursor.left().len();
    let header: OutHeader = cursor.structure()?;
    if header.len as usize != found {
        return Err(Fault { offset: 0, problem: Problem::Length { len: header.len, found } });
    }
    Ok(header)
}

/// The body that answers this question.
fn body<'a>(question: Question, cursor: &mut Cursor<'a>) -> Result<Reply<'a>, Fault> {
    use Opcode::*;
    let Some(opcode) = Opcode::from_u32(question.opcode) else {
        return Ok(Reply::Unknown(cursor.rest("body")?));
    };
    Ok(match opcode {
        Init => Reply::Init(cursor.structure()?),
        Lookup | Mknod | Mkdir | Symlink | Link => Reply::Entry(cursor.structure()?),
        Create => Reply::Created(cursor.structure()?, cursor.structure()?),
        Getattr | Setattr => Reply::Attr(cursor.structure()?),
        Open | Opendir => Reply::Open(cursor.structure()?),
        Write => Reply::Write(cursor.structure()?),
        Statfs => Reply::Statfs(cursor.structure()?),
        Getxattr | Listxattr if question.size_only => Reply::XattrSize(cursor.structure()?),
        Listxattr => Reply::Names(cursor.rest("names")?),
        Readlink => Reply::Target(cursor.rest("target")?),
        Getxattr => Reply::Data(cursor.rest("value")?),
        Read => Reply::Data(cursor.rest("data")?),
        Readdir => Reply::Dirents(entries(cursor)?),
        Getlk => Reply::Lock(cursor.structure()?),
        Bmap => Reply::Bmap(cursor.structure()?),
        Ioctl => Reply::Ioctl(cursor.structure()?, cursor.rest("data")?),
        Poll => Reply::Poll(cursor.structure()?),
        CuseInit => Reply::CuseInit(cursor.structure()?, cursor.rest("text")?),
        Forget | Unlink | Rmdir | Rename | Access | Setxattr | Removexattr | Flush | Release
        | Fsync | Setlk | Setlkw | Releasedir | Fsyncdir | Interrupt | Destroy => Reply::Done,
    })
}

/// A listing, each entry of which must be whole.
fn entries<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Fault> {
    let listing = cursor.left();
    while !cursor.left().is_empty() {
        next_entry(cursor)?;
    }
    Ok(listing)
}

/// A notification without its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // The variants are those of NotifyCode.
pub enum Notification<'a> {
    Poll(NotifyPollWakeupOut),
    InvalInode(NotifyInvalInodeOut),
    InvalEntry(NotifyInvalEntryOut, &'a OsStr),
    /// Newer than 7.14.
    Unknown(i32, &'a [u8]),
}

/// Reads a notification: a message from the server whose number is 0.
pub fn decode_notification(message: &[u8]) -> Result<Notification<'_>, Malformed> {
    decode_notification_from(&mut Cursor::new(message))
        .map_err(|fault| fault.in_reply(None, message))
}

/// The same, from a cursor that may leave a trail.
pub(crate) fn decode_notification_from<'a>(
    cursor: &mut Cursor<'a>,
) -> Result<Notification<'a>, Fault> {
    let header = header(cursor)?;
    let notification = match NotifyCode::from_i32(header.error) {
        Some(NotifyCode::Poll) => Notification::Poll(cursor.structure()?),
        Some(NotifyCode::InvalInode) => Notification::InvalInode(cursor.structure()?),
        Some(NotifyCode::InvalEntry) => {
            let out: NotifyInvalEntryOut = cursor.structure()?;
            let before = cursor.at();
            let name = cursor.name("name")?;
            if name.len() != out.namelen as usize {
                let problem = Problem::Short {
                    what: "the name",
                    needed: out.namelen as usize,
                    found: name.len(),
                };
                return Err(Fault { offset: before, problem });
            }
            Notification::InvalEntry(out, name)
        }
        None => Notification::Unknown(header.error, cursor.rest("body")?),
    };
    cursor.end()?;
    Ok(notification)
}
