//! Which messages have a struct in them. The decoder is asked: it gets a message of zeros for each
//! opcode, and tells what it reads.

use step02_wire::abi::{self, FieldKind, InHeader, Layout, NotifyCode, OutHeader, WireStruct};
use step02_wire::fields::{self, Table};
use step02_wire::{Opcode, Question};

/// Zeros behind the header: more than any struct takes.
const ROOM: usize = 512;

/// In which messages the struct is, in words, with links.
pub fn sentences(name: &str) -> String {
    let holds = |table: Table| table.rows.iter().any(|row| row.part == name);
    let asked: Vec<_> = Opcode::ALL.iter().filter(|opcode| holds(request(**opcode))).collect();
    let answered = Opcode::ALL.iter().filter(|opcode| opcode.wants_reply());
    let replies: Vec<_> =
        answered.clone().filter(|opcode| replies(**opcode).into_iter().any(holds)).collect();
    let notified: Vec<_> =
        NotifyCode::ALL.iter().filter(|code| holds(notification(**code))).collect();
    let structs: Vec<_> = abi::ALL
        .iter()
        .filter(|layout| has(layout, name))
        .map(|Layout { name, .. }| format!("[{name}](#{name})"))
        .collect();
    let sentences = [
        each_or_all("the request", messages(asked), "every request", Opcode::ALL.len()),
        each_or_all("the reply to", messages(replies), "every reply", answered.count()),
        each_or_all(
            "the notification",
            messages(notified),
            "every notification",
            NotifyCode::ALL.len(),
        ),
        each_or_all("the struct", structs, "every struct", abi::ALL.len()),
    ];
    sentences.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The names of opcodes or notifications, each a link to its messages.
fn messages<T: ToString>(them: Vec<T>) -> Vec<String> {
    let names = them.iter().map(T::to_string);
    names.map(|name| format!("[{name}](messages.md#{})", name.to_lowercase())).collect()
}

/// `In the request READ, READDIR.`, or `In every request.` when there are no more than those, or nothing.
fn each_or_all(each: &str, users: Vec<String>, all: &str, count: usize) -> Option<String> {
    match users.len() {
        0 => None,
        n if n == count => Some(format!("In {all}.")),
        _ => Some(format!("In {each} {}.", users.join(", "))),
    }
}

fn has(layout: &Layout, name: &str) -> bool {
    let inner = |kind| matches!(kind, FieldKind::Struct(inner) if inner.name == name);
    layout.fields.iter().any(|field| inner(field.kind))
}

fn request(opcode: Opcode) -> Table {
    let mut message = vec![0; InHeader::SIZE + ROOM];
    set(&mut message, 0, InHeader::SIZE + ROOM);
    set(&mut message, 4, opcode as usize);
    fields::request(&message)
}

/// With the data, and with their size alone: GETXATTR and LISTXATTR have two answers.
fn replies(opcode: Opcode) -> [Table; 2] {
    let question = |size_only| Question { opcode: opcode as u32, size_only };
    [false, true].map(|size_only| fields::reply(question(size_only), &answer(0)))
}

fn notification(code: NotifyCode) -> Table {
    fields::notification(&answer(code as usize))
}

fn answer(error: usize) -> Vec<u8> {
    let mut message = vec![0; OutHeader::SIZE + ROOM];
    set(&mut message, 0, OutHeader::SIZE + ROOM);
    set(&mut message, 4, error);
    message
}

/// Writes a `u32`.
fn set(message: &mut [u8], at: usize, value: usize) {
    message[at..at + 4].copy_from_slice(&(value as u32).to_ne_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_is_in_the_messages_that_the_decoder_reads_it_from() {
        for (name, expected) in [
            ("fuse_in_header", "In every request."),
            ("fuse_out_header", "In every reply. In every notification."),
            ("fuse_write_in", "In the request WRITE."),
            ("fuse_read_in", "In the request READ, READDIR."),
            ("fuse_entry_out", "In the reply to LOOKUP, SYMLINK, MKNOD, MKDIR, LINK, CREATE."),
            ("fuse_getxattr_out", "In the reply to GETXATTR, LISTXATTR."),
            ("fuse_dirent", "In the reply to READDIR."),
            ("fuse_notify_inval_entry_out", "In the notification NOTIFY_INVAL_ENTRY."),
            ("fuse_attr", "In the struct fuse_entry_out, fuse_attr_out."),
        ] {
            let names = sentences(name).replace('[', "");
            let names: String = names.split("](").map(without_target).collect();
            assert_eq!(names, expected, "{name}");
        }
    }

    /// What follows the target of a link. The first piece of a sentence is before all links.
    fn without_target(piece: &str) -> &str {
        let target = piece.starts_with("messages.md#") || piece.starts_with('#');
        piece.split_once(')').filter(|_| target).map_or(piece, |(_, rest)| rest)
    }

    #[test]
    fn each_struct_is_in_something() {
        for layout in abi::ALL {
            assert_ne!(sentences(layout.name), "", "{}", layout.name);
        }
    }
}
