//! A message field by field: where each stands, its bytes, its value and what that means.

use crate::abi::{Field, FieldKind, Opcode};
use crate::cursor::{Cursor, Piece};
use crate::decode::decode_from;
use crate::malformed::{Fault, opcode_name};
use crate::reply::{Question, decode_notification_from, decode_reply_from};
use crate::values::*;
use std::fmt;

/// One row of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Bytes from the start of the message.
    pub offset: usize,
    /// The bytes themselves.
    pub bytes: Vec<u8>,
    /// The struct that the row belongs to, by its kernel name. For names and data what they are.
    pub part: &'static str,
    /// The field's kernel name, such as `attr.mode`. Empty for names and data.
    pub field: String,
    /// The field's type, such as `u32`. Of names `name`, of data `bytes`.
    pub type_name: String,
    /// The value: a number, or quoted bytes.
    pub value: String,
    /// What the value means, where there is more to say. Flags without a name have a line of their
    /// own.
    pub meaning: String,
}

/// A message field by field. Prints itself as an aligned table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The rows, in order.
    pub rows: Vec<Row>,
    /// What is wrong with the message, if something is.
    pub fault: Option<String>,
}

/// A request. Takes any bytes: what cannot be read is shown as it is.
pub fn request(message: &[u8]) -> Table {
    let mut cursor = Cursor::with_trail(message);
    let fault = decode_from(&mut cursor).err();
    table(message, cursor, fault)
}

/// The reply to a question.
pub fn reply(question: Question, message: &[u8]) -> Table {
    let mut cursor = Cursor::with_trail(message);
    let fault = decode_reply_from(question, &mut cursor).err();
    table(message, cursor, fault)
}

/// A notification.
pub fn notification(message: &[u8]) -> Table {
    let mut cursor = Cursor::with_trail(message);
    let fault = decode_notification_from(&mut cursor).err();
    table(message, cursor, fault)
}

fn table(message: &[u8], cursor: Cursor<'_>, fault: Option<Fault>) -> Table {
    let read = cursor.at();
    let mut rows = Vec::new();
    for piece in cursor.into_trail() {
        piece_rows(message, &piece, &mut rows);
    }
    if read < message.len() {
        let (part, meaning) = match (&fault, payload_of_write(message, read)) {
            (Some(_), _) => ("not read", ""),
            (None, true) => ("data", ""),
            (None, false) => ("more", "newer than 7.14"),
        };
        rows.push(bytes_row(message, read, message.len() - read, part, meaning));
    }
    let fault = fault.map(|fault| format!("malformed at byte {}: {}", fault.offset, fault.problem));
    Table { rows, fault }
}

/// The decoder leaves a WRITE's data alone, but they are no surplus.
fn payload_of_write(message: &[u8], read: usize) -> bool {
    read == 80 && message.get(4..8) == Some(&(Opcode::Write as u32).to_ne_bytes())
}

fn piece_rows(message: &[u8], piece: &Piece, rows: &mut Vec<Row>) {
    if piece.fields.is_empty() {
        rows.push(bytes_row(message, piece.offset, piece.len, piece.what, ""));
    } else {
        field_rows(message, piece.offset, piece.what, "", piece.fields, rows);
    }
}

fn bytes_row(message: &[u8], offset: usize, len: usize, part: &'static str, meaning: &str) -> Row {
    let bytes = message[offset..offset + len].to_vec();
    let value = match part {
        "body" | "more" | "not read" | "zeros" => format!("{len} bytes"),
        _ => quoted(&bytes, 40),
    };
    let type_name = match part {
        "name" | "old name" | "new name" | "target" => "name",
        _ => "bytes",
    };
    Row {
        offset,
        bytes,
        part,
        field: String::new(),
        type_name: type_name.to_string(),
        value,
        meaning: meaning.to_string(),
    }
}

fn field_rows(
    message: &[u8],
    start: usize,
    part: &'static str,
    prefix: &str,
    fields: &'static [Field],
    rows: &mut Vec<Row>,
) {
    for field in fields {
        let offset = start + field.offset;
        if let FieldKind::Struct(inner) = field.kind {
            field_rows(
                message,
                offset,
                part,
                &format!("{prefix}{}.", field.name),
                inner.fields,
                rows,
            );
            continue;
        }
        let bytes = &message[offset..offset + field.size];
        let (value, meaning) = match field.kind {
            FieldKind::Spare if bytes.iter().all(|&byte| byte == 0) => {
                (format!("{} zeros", field.size), String::new())
            }
            FieldKind::Spare | FieldKind::Struct(_) => (quoted(bytes, 40), String::new()),
            FieldKind::Signed => {
                (signed(bytes).to_string(), meaning(part, field.name, signed(bytes) as u64))
            }
            FieldKind::Unsigned => {
                (unsigned(bytes).to_string(), meaning(part, field.name, unsigned(bytes)))
            }
            FieldKind::Flags(names) => {
                let bits = unsigned(bytes) as u32;
                if bits == 0 {
                    ("0".into(), String::new())
                } else {
                    (format!("{bits:#x}"), flags_meaning(names(bits)))
                }
            }
        };
        rows.push(Row {
            offset,
            bytes: bytes.to_vec(),
            part,
            field: format!("{prefix}{}", field.name),
            type_name: field.type_name(),
            value,
            meaning,
        });
    }
}

/// The names of flags. A number at the end are the bits without a name: they get a line of their
/// own.
fn flags_meaning(names: String) -> String {
    match names.rsplit_once('|') {
        Some((named, bits)) if bits.starts_with("0x") => {
            format!("{named}\n{bits}: newer than 7.14")
        }
        None if names.starts_with("0x") => format!("{names}: newer than 7.14"),
        _ => names,
    }
}

fn unsigned(bytes: &[u8]) -> u64 {
    match *bytes {
        [a, b] => u16::from_ne_bytes([a, b]).into(),
        [a, b, c, d] => u32::from_ne_bytes([a, b, c, d]).into(),
        [a, b, c, d, e, f, g, h] => u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
        _ => 0,
    }
}

fn signed(bytes: &[u8]) -> i64 {
    match *bytes {
        [a, b, c, d] => i32::from_ne_bytes([a, b, c, d]).into(),
        _ => unsigned(bytes) as i64,
    }
}

/// What a number means, where that can be said.
fn meaning(part: &str, field: &str, value: u64) -> String {
    let short = value as u32;
    match (part, field) {
        ("fuse_in_header", "len") => "bytes in the whole message".to_string(),
        ("fuse_in_header", "opcode") => match Opcode::from_u32(short) {
            Some(opcode) => format!("{opcode}: {}", opcode.meaning()),
            None => format!("{}: newer than 7.14", opcode_name(short)),
        },
        ("fuse_in_header", "unique") => "the answer must repeat it".to_string(),
        ("fuse_in_header", "nodeid") if value == 0 => "no node".to_string(),
        (_, "nodeid") if value == 1 => "the root directory".to_string(),
        ("fuse_in_header", "pid") if value == 0 => "the kernel itself".to_string(),
        ("fuse_out_header", "error") => match value as i32 {
            0 => "success".to_string(),
            error if error < 0 => errno(error.checked_neg().unwrap_or(i32::MAX)),
            _ => "a notification's code".to_string(),
        },
        (
            "fuse_open_in" | "fuse_create_in" | "fuse_read_in" | "fuse_write_in"
            | "fuse_release_in",
            "flags",
        ) => open_flags(short),
        (_, "mode") if value != 0 => {
            format!("{short:#o}, {}", mode_as_ls(short)).replacen("0o", "0", 1)
        }
        (_, "umask") => format!("0{value:o}"),
        (_, "mask") => access_mask(short),
        ("fuse_dirent", "type") => entry_type(short),
        ("fuse_lk_in" | "fuse_lk_out", "type") => lock_type(short),
        (_, "end") if value == i64::MAX as u64 => "to the end".to_string(),
        ("fuse_ioctl_in", "cmd" | "arg") | (_, "lock_owner" | "owner" | "revents")
            if value != 0 =>
        {
            format!("{value:#x}")
        }
        _ => String::new(),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = || self.rows.iter().filter(|row| !row.field.is_empty());
        let names = fields().map(|row| row.field.len()).max().unwrap_or(0);
        let values = fields().map(|row| row.value.len()).max().unwrap_or(0);
        let mut part = "";
        for row in &self.rows {
            if row.part != part || row.field.is_empty() {
                part = row.part;
                writeln!(f, "  {part}")?;
            }
            let mut meanings = row.meaning.lines();
            let meaning = meanings.next().unwrap_or_default();
            let left =
                format!("{:6}  {:<23}  {:<names$}  ", row.offset, hex(&row.bytes), row.field);
            writeln!(f, "{}", format!("{left}{:<values$}  {meaning}", row.value).trim_end())?;
            for meaning in meanings {
                writeln!(f, "{:1$}{meaning}", "", left.chars().count() + values + 2)?;
            }
        }
        match &self.fault {
            Some(fault) => writeln!(f, "  {fault}"),
            None => Ok(()),
        }
    }
}

/// The first eight bytes.
fn hex(bytes: &[u8]) -> String {
    let mut text: Vec<_> = bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > 8 {
        text.truncate(7);
        text.push("…".to_string());
    }
    text.join(" ")
}
