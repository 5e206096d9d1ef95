//! A recorded conversation, read back: what clients did and printed, and each message byte by byte.
//!
//! One line is one event, and its beginning says which:
//!
//! ```text
//! $ cat mnt/hello.txt        a client starts
//! # mv a b, in the source    something else happens
//! → 2f 00 00 00 01 …         the kernel asks
//! ← 90 00 00 00 00 …         the server answers, or speaks first
//!   copied: …                the server remarks
//! Hello from user space!     anything else: a client printed it
//! ```
//!
//! The lines with arrows are those of `--trace=bytes` ([`step02_wire::Trace`]).

mod masked;

use std::collections::HashMap;
use std::fmt;

use anyhow::{Context, anyhow, bail, ensure};
use step02_wire::abi::{OutHeader, WireStruct};
use step02_wire::fields::{self, Table};
use step02_wire::{Opcode, Question, Trace, TraceStyle, decode};
use zerocopy::FromBytes;

/// What happened, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// One for each line.
    pub events: Vec<Event>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A client was started: its command line.
    Command(String),
    /// Something else was done.
    Done(String),
    /// A client printed a line.
    Printed(String),
    /// The server printed a line that is no message.
    Remark(String),
    /// The kernel asked.
    Request(Message),
    /// The server answered.
    Reply(Message),
    /// The server spoke first.
    Notification(Message),
}

/// One message, which the decoder can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What of it was in memory, which is all of it for most.
    pub bytes: Vec<u8>,
    /// How many bytes more it has, that went another way.
    pub elsewhere: usize,
    /// What was said about that: `, spliced (patch)`.
    how: String,
    /// The number of the request, or of the one that this answers, in order of arrival. 0: a notification.
    pub number: u64,
    /// The process on whose behalf the kernel asks; 0: the kernel's own.
    pub process: u32,
    /// As the stable trace prints it.
    pub line: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Request(Question),
    Reply(Question),
    Notification,
}

impl Conversation {
    /// Reads a recording. Each message in it must be whole, and each reply must answer a request that has no
    /// answer yet.
    pub fn parse(text: &str) -> anyhow::Result<Conversation> {
        let mut reader = Reader {
            trace: Trace::new(TraceStyle::Stable),
            arrived: 0,
            unanswered: HashMap::new(),
        };
        let event = |(n, line): (usize, &str)| {
            reader.event(line).with_context(|| format!("line {} of the recording: {line}", n + 1))
        };
        let events = text.lines().enumerate().map(event).collect::<anyhow::Result<_>>()?;
        Ok(Conversation { events })
    }

    /// The requests that want an answer and have none, as the stable trace prints them.
    pub fn unanswered(&self) -> Vec<&str> {
        let answered = |number| {
            self.events.iter().any(|e| matches!(e, Event::Reply(reply) if reply.number == number))
        };
        let asked = self.events.iter().filter_map(|event| match event {
            Event::Request(request) if request.wants_answer() => Some(request),
            _ => None,
        });
        asked.filter(|asked| !answered(asked.number)).map(|asked| asked.line.as_str()).collect()
    }

    /// Its messages.
    pub fn messages(&self) -> impl Iterator<Item = &Message> {
        self.events.iter().filter_map(Event::message)
    }
}

impl Event {
    /// The message, if it is one.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Event::Request(message) | Event::Reply(message) | Event::Notification(message) => {
                Some(message)
            }
            _ => None,
        }
    }
}

impl Message {
    /// Field by field, as far as its bytes are here.
    pub fn table(&self) -> Table {
        let mut whole = self.bytes.clone();
        let mut table = match self.kind {
            Kind::Request(_) => return fields::request(&whole),
            Kind::Notification => return fields::notification(&whole),
            Kind::Reply(question) => {
                whole.resize(self.bytes.len() + self.elsewhere, 0);
                fields::reply(question, &whole)
            }
        };
        table.rows.retain(|row| row.offset + row.bytes.len() <= self.bytes.len());
        table
    }

    /// All but FORGET and INTERRUPT want an answer.
    pub fn wants_answer(&self) -> bool {
        let Kind::Request(question) = self.kind else { return false };
        !matches!(Opcode::from_u32(question.opcode), Some(Opcode::Forget | Opcode::Interrupt))
    }

    fn write(&self, arrow: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{arrow}")?;
        self.bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
        if self.elsewhere > 0 {
            write!(f, " + {} bytes", self.elsewhere)?;
        }
        writeln!(f, "{}", self.how)
    }
}

/// As it was recorded.
impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.events.iter().try_for_each(|event| match event {
            Event::Command(line) => writeln!(f, "$ {line}"),
            Event::Done(line) => writeln!(f, "# {line}"),
            Event::Printed(line) => writeln!(f, "{line}"),
            Event::Remark(line) => writeln!(f, "  {line}"),
            Event::Request(message) => message.write('→', f),
            Event::Reply(message) | Event::Notification(message) => message.write('←', f),
        })
    }
}

/// What one has to remember while reading.
struct Reader {
    trace: Trace,
    arrived: u64,
    unanswered: HashMap<u64, (u64, u32, Question)>,
}

impl Reader {
    fn event(&mut self, line: &str) -> anyhow::Result<Event> {
        let of = |mark: &str| line.strip_prefix(mark).map(str::to_owned);
        if let Some(message) = line.strip_prefix('→') {
            return self.request(message).map(Event::Request);
        }
        if let Some(message) = line.strip_prefix('←') {
            return self.answer(message);
        }
        let event = of("$ ").map(Event::Command).or_else(|| of("# ").map(Event::Done));
        let event = event.or_else(|| of("  ").map(Event::Remark));
        Ok(event.unwrap_or_else(|| Event::Printed(line.to_owned())))
    }

    fn request(&mut self, text: &str) -> anyhow::Result<Message> {
        let (bytes, elsewhere, how) = bytes(text)?;
        let (header, operation) = decode(&bytes).map_err(|malformed| anyhow!("{malformed}"))?;
        ensure!(
            header.len as usize == bytes.len() + elsewhere,
            "its length says {}, and it has {} bytes",
            header.len,
            bytes.len() + elsewhere
        );
        self.arrived += 1;
        let (number, question) = (self.arrived, Question::of(&header, &operation));
        self.unanswered.insert(header.unique, (number, header.pid, question));
        let line = self.trace.request(&bytes) + &how;
        let (process, kind) = (header.pid, Kind::Request(question));
        Ok(Message { bytes, elsewhere, how, number, process, line, kind })
    }

    fn answer(&mut self, text: &str) -> anyhow::Result<Event> {
        let (bytes, elsewhere, how) = bytes(text)?;
        let (header, _) = OutHeader::read_from_prefix(&bytes)
            .map_err(|_| anyhow!("{} bytes are too few for a header", bytes.len()))?;
        if header.unique == 0 {
            let line = self.trace.reply(&bytes);
            let (number, process, kind) = (0, 0, Kind::Notification);
            let message = Message { bytes, elsewhere, how, number, process, line, kind };
            return message.readable().map(Event::Notification);
        }
        let Some((number, process, question)) = self.unanswered.remove(&header.unique) else {
            bail!("it answers {}, which nobody asks, or which has its answer", header.unique);
        };
        let line = match elsewhere {
            0 => self.trace.reply(&bytes),
            _ => self.trace.reply_head(&bytes) + &how,
        };
        let kind = Kind::Reply(question);
        let message = Message { bytes, elsewhere, how, number, process, line, kind };
        message.readable().map(Event::Reply)
    }
}

impl Message {
    /// Itself, if the decoder can read it.
    fn readable(self) -> anyhow::Result<Message> {
        match self.table().fault {
            Some(fault) => bail!("{fault}"),
            None => Ok(self),
        }
    }
}

/// What stands behind an arrow: the bytes, how many more there were, and what was said about them.
fn bytes(text: &str) -> anyhow::Result<(Vec<u8>, usize, String)> {
    let (digits, more) = match text.split_once(" + ") {
        Some((digits, more)) => (digits, Some(more)),
        None => (text, None),
    };
    let byte = |digits: &str| {
        ensure!(digits.len() == 2, "{digits:?} is no byte");
        u8::from_str_radix(digits, 16).with_context(|| format!("{digits:?} is no byte"))
    };
    let bytes = digits.split(' ').skip(1).map(byte).collect::<anyhow::Result<Vec<_>>>()?;
    ensure!(bytes.len() >= OutHeader::SIZE, "too few bytes for a header");
    let Some(more) = more else { return Ok((bytes, 0, String::new())) };
    let (count, how) = more.split_once(" bytes").context("no \"bytes\" behind the +")?;
    ensure!(how.is_empty() || how.starts_with(", "), "{how:?} behind the bytes");
    Ok((bytes, count.parse().with_context(|| format!("{count:?} is no number"))?, how.to_owned()))
}

#[cfg(test)]
mod tests;
