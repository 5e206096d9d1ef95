//! The recorded messages of step 02: `steps/02-wire/recorded/NAME.hex`.
//!
//! A line that starts with `#` is a comment. `→` starts a request, `←` a reply or a notification;
//! the bytes follow.

use std::fs;
use std::path::Path;

use step02_wire::fields::{self, Table};
use step02_wire::{Question, decode};

use crate::book::code::nearest_file;
use crate::book::fault::Problem;

/// Where they are.
pub const DIRECTORY: &str = "steps/02-wire/recorded";

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the kernel to the server.
    Request,
    /// From the server to the kernel: a reply, or a notification.
    Reply,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Which way it went.
    pub direction: Direction,
    /// All of it.
    pub bytes: Vec<u8>,
}

/// What one file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The file's name without its `.hex`.
    pub name: String,
    /// What it is, and where it was recorded: the lines of its comment.
    pub comment: Vec<String>,
    /// The messages, in the order in which they went.
    pub messages: Vec<Recorded>,
}

/// The one with this name.
pub fn named(root: &Path, name: &str) -> Result<Recording, Problem> {
    let file = format!("{DIRECTORY}/{name}.hex");
    let text = fs::read_to_string(root.join(&file)).map_err(|error| {
        Problem::new(format!("cannot read {file}: {error}"), nearest_file(root, &file))
    })?;
    parse(name, &text).map_err(|what| {
        Problem::new(format!("{file}: {what}"), "Write it as the files beside it are.")
    })
}

/// All of them, in order of name.
pub fn all(root: &Path) -> Result<Vec<Recording>, Problem> {
    let entries =
        fs::read_dir(root.join(DIRECTORY)).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|error| {
        Problem::new(format!("cannot read {DIRECTORY}: {error}"), "It is a part of step 02.")
    })?;
    let mut names: Vec<_> = entries
        .iter()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".hex")?.to_owned()))
        .collect();
    names.sort();
    names.iter().map(|name| named(root, name)).collect()
}

impl Recording {
    /// The fields of one of its messages. A reply is read by the request with the same number; when
    /// there is none, it is a notification.
    pub fn table(&self, message: &Recorded) -> Table {
        if message.direction == Direction::Request {
            return fields::request(&message.bytes);
        }
        let asked = self.requests().filter_map(|request| decode(&request.bytes).ok());
        let question = asked
            .filter(|(header, _)| message.bytes.get(8..16) == Some(&header.unique.to_ne_bytes()))
            .map(|(header, operation)| Question::of(&header, &operation))
            .next();
        match question {
            Some(question) => fields::reply(question, &message.bytes),
            None => fields::notification(&message.bytes),
        }
    }

    /// What the kernel sent.
    pub fn requests(&self) -> impl Iterator<Item = &Recorded> {
        self.messages.iter().filter(|message| message.direction == Direction::Request)
    }
}

fn parse(name: &str, text: &str) -> Result<Recording, String> {
    let mut recording = Recording { name: name.into(), comment: Vec::new(), messages: Vec::new() };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let direction = match line {
            "→" => Direction::Request,
            "←" => Direction::Reply,
            _ if line.starts_with('#') => {
                recording.comment.push(line.trim_start_matches(['#', ' ']).into());
                continue;
            }
            _ => {
                let message = recording.messages.last_mut().ok_or("bytes without an arrow")?;
                for byte in line.split_whitespace() {
                    let byte = u8::from_str_radix(byte, 16);
                    message.bytes.push(byte.map_err(|_| format!("no bytes: {line}"))?);
                }
                continue;
            }
        };
        recording.messages.push(Recorded { direction, bytes: Vec::new() });
    }
    match recording.messages.iter().all(|message| !message.bytes.is_empty()) {
        true if !recording.messages.is_empty() => Ok(recording),
        _ => Err("an empty message, or none".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps;

    #[test]
    fn a_file_is_a_comment_and_messages() {
        let recording = parse("a", "# A.\n# Made.\n\n→\n01 0a\nff\n\n←\n02\n").unwrap();
        assert_eq!(recording.comment, ["A.", "Made."]);
        let messages: Vec<_> = recording
            .messages
            .iter()
            .map(|message| (message.direction, &message.bytes[..]))
            .collect();
        assert_eq!(messages, [(Direction::Request, &[1, 10, 255][..]), (Direction::Reply, &[2])]);
        for wrong in ["", "# A.\n", "→\n", "01\n", "→\n0x\n"] {
            assert!(parse("a", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_there_gives_the_nearest() {
        let fault = named(&steps::workspace_root(), "lokup").unwrap_err().at("x.md", 1).to_string();
        assert!(fault.contains("Nearest: lookup.hex"), "{fault}");
    }

    #[test]
    fn a_reply_is_read_by_its_own_request() {
        let mut recording = named(&steps::workspace_root(), "interrupt").unwrap();
        assert_eq!(recording.requests().count(), 2);
        // In place of EINTR five bytes for the READ, which is not the last request.
        let reply = &mut recording.messages[2].bytes;
        reply[..8].copy_from_slice(&[21, 0, 0, 0, 0, 0, 0, 0]);
        reply.extend(b"hello");
        let table = recording.table(&recording.messages[2]);
        assert_eq!(table.rows[3].value, "\"hello\"");
        assert_eq!(table.fault, None);
    }
}
