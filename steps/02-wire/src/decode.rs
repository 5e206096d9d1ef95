//! From a request's bytes to an [`Operation`].

use crate::abi::{InHeader, IoctlIn, Opcode, SetxattrIn, WireStruct, WriteIn};
use crate::cursor::Cursor;
use crate::malformed::{Fault, Malformed, Problem};
use crate::operation::Operation;

/// How many bytes of the message [`decode`] needs: all of them for most, opcodes newer than 7.14 among
/// them; of a WRITE at most the first 80, since its data may still be in a pipe. Never less than a
/// header, whatever `len` says. The number comes from the kernel's `len`: hold it against your buffer.
pub fn head_len(header: &InHeader) -> usize {
    // EXERCISE: 02.1
    let len = (header.len as usize).max(InHeader::SIZE);
    match Opcode::from_u32(header.opcode) {
        Some(Opcode::Write) => len.min(InHeader::SIZE + WriteIn::SIZE),
        _ => len,
    }
    // EXERCISE_END: 02.1
}

/// Reads a request.
///
/// `head` starts with the header and holds at least [`head_len`] bytes. What stands in it after the
/// message's `len` is not looked at.
///
/// A body may be longer than 7.14 knows: structs of this protocol grow at their end, and an INIT of
/// 6.1 has 64 bytes where 16 are known. The surplus is passed over. A WRITE is different. Its data
/// may go through a pipe by the message's `len`, so that and `size` have to agree to the byte.
pub fn decode(head: &[u8]) -> Result<(InHeader, Operation<'_>), Malformed> {
    decode_from(&mut Cursor::new(head)).map_err(|fault| fault.in_request(head))
}

/// The same, from a cursor that may leave a trail.
// ANCHOR: decode
pub(crate) fn decode_from<'a>(cursor: &mut Cursor<'a>) -> Result<(InHeader, Operation<'a>), Fault> {
    let found = cursor.left().len();
    let header: InHeader = cursor.structure()?;
    let len = header.len as usize;
    if len < InHeader::SIZE || found < head_len(&header) {
        return Err(Fault { offset: 0, problem: Problem::Length { len: header.len, found } });
    }
    cursor.limit(len);
    let operation = operation(&header, cursor)?;
    Ok((header, operation))
}
// ANCHOR_END: decode

/// The body of each request, in the order of the wire.
fn operation<'a>(header: &InHeader, cursor: &mut Cursor<'a>) -> Result<Operation<'a>, Fault> {
    use Operation::*;
    let Some(opcode) = Opcode::from_u32(header.opcode) else {
        return Ok(Unknown { opcode: header.opcode, body: cursor.rest("body")? });
    };
    // Rust evaluates the fields of a struct in the order in which they are written: that is the
    // order of reading.
    Ok(match opcode {
        Opcode::Init => Init { arg: cursor.structure()? },
        Opcode::Destroy => Destroy,
        Opcode::Interrupt => Interrupt { arg: cursor.structure()? },

        Opcode::Lookup => Lookup { name: cursor.name("name")? },
        Opcode::Mknod => Mknod { arg: cursor.structure()?, name: cursor.name("name")? },
        Opcode::Mkdir => Mkdir { arg: cursor.structure()?, name: cursor.name("name")? },
        Opcode::Symlink => Symlink { name: cursor.name("name")?, target: cursor.name("target")? },
        Opcode::Link => Link { arg: cursor.structure()?, name: cursor.name("name")? },
        Opcode::Unlink => Unlink { name: cursor.name("name")? },
        Opcode::Rmdir => Rmdir { name: cursor.name("name")? },
        Opcode::Rename => Rename {
            arg: cursor.structure()?,
            name: cursor.name("old name")?,
            new_name: cursor.name("new name")?,
        },
        Opcode::Create => Create { arg: cursor.structure()?, name: cursor.name("name")? },

        Opcode::Forget => Forget { arg: cursor.structure()? },
        Opcode::Getattr => Getattr { arg: cursor.structure()? },
        Opcode::Setattr => Setattr { arg: cursor.structure()? },
        Opcode::Readlink => Readlink,
        Opcode::Access => Access { arg: cursor.structure()? },
        Opcode::Statfs => Statfs,
        Opcode::Setxattr => {
            let arg: SetxattrIn = cursor.structure()?;
            Setxattr {
                arg,
                name: cursor.name("name")?,
                value: cursor.data("value", arg.size as usize)?,
            }
        }
        Opcode::Getxattr => Getxattr { arg: cursor.structure()?, name: cursor.name("name")? },
        Opcode::Listxattr => Listxattr { arg: cursor.structure()? },
        Opcode::Removexattr => Removexattr { name: cursor.name("name")? },
        Opcode::Bmap => Bmap { arg: cursor.structure()? },

        Opcode::Open => Open { arg: cursor.structure()? },
        Opcode::Read => Read { arg: cursor.structure()? },
        Opcode::Write => Write { arg: write(header, cursor)? },
        Opcode::Flush => Flush { arg: cursor.structure()? },
        Opcode::Release => Release { arg: cursor.structure()? },
        Opcode::Fsync => Fsync { arg: cursor.structure()? },
        Opcode::Getlk => Getlk { arg: cursor.structure()? },
        Opcode::Setlk => Setlk { arg: cursor.structure()? },
        Opcode::Setlkw => Setlkw { arg: cursor.structure()? },
        Opcode::Ioctl => {
            let arg: IoctlIn = cursor.structure()?;
            Ioctl { arg, data: cursor.data("data", arg.in_size as usize)? }
        }
        Opcode::Poll => Poll { arg: cursor.structure()? },

        Opcode::Opendir => Opendir { arg: cursor.structure()? },
        Opcode::Readdir => Readdir { arg: cursor.structure()? },
        Opcode::Releasedir => Releasedir { arg: cursor.structure()? },
        Opcode::Fsyncdir => Fsyncdir { arg: cursor.structure()? },

        Opcode::CuseInit => CuseInit { arg: cursor.structure()? },
    })
}

/// A WRITE, whose data need not be here: what can be checked is that the two lengths agree.
fn write(header: &InHeader, cursor: &mut Cursor<'_>) -> Result<WriteIn, Fault> {
    let arg: WriteIn = cursor.structure()?;
    let data = header.len as usize - cursor.at();
    if data != arg.size as usize {
        return Err(cursor.fault(Problem::DataSize { size: arg.size, found: data }));
    }
    Ok(arg)
}
