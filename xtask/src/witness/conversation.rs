//! From facts to messages, and from messages to lines.

use std::collections::HashMap;
use std::fmt::Write;

use nix::errno::Errno;
use step02_wire::abi::WireStruct;
use step02_wire::{OutHeader, Trace, TraceStyle};
use vm_init::{Fact, Process};

use super::judge::{Finding, Judgement, UNIQUE};
use super::{marked, names};

/// So many characters of an answer in which something is wrong.
const LINE: usize = 60;

/// One line of the story.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// A request was read, or could not be.
    Request(Request),
    /// An answer, or a notification, was written, or refused.
    Answer(Answer),
    /// Something else that belongs there.
    Other(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub by: Process,
    pub call: String,
    pub fd: i32,
    pub room: u64,
    pub result: i64,
    /// Its first bytes.
    pub bytes: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub by: Process,
    pub call: String,
    pub fd: i32,
    /// How many bytes were to be written.
    pub len: u64,
    /// How many bytes were in the pipe.
    pub there: Option<u64>,
    /// Its first bytes.
    pub bytes: Vec<u8>,
    /// What the call returned. None: it has not.
    pub result: Option<i64>,
}

/// The messages among the facts, in order.
pub fn messages(facts: &[Fact]) -> Vec<Message> {
    let mut messages = Vec::new();
    let mut places = HashMap::new();
    for fact in facts {
        match fact.clone() {
            Fact::Request { result, .. } if is_no_news(result) => {}
            Fact::Request { by, call, fd, room, result, bytes } => {
                messages.push(Message::Request(Request {
                    by,
                    call,
                    fd,
                    room,
                    result,
                    bytes: bytes.0,
                }));
            }
            Fact::Answer { id, by, call, fd, len, there, bytes } => {
                places.insert(id, messages.len());
                let bytes = bytes.0;
                messages.push(Message::Answer(Answer {
                    by,
                    call,
                    fd,
                    len,
                    there,
                    bytes,
                    result: None,
                }));
            }
            Fact::Result { id, result } => {
                if let Some(Message::Answer(answer)) =
                    places.get(&id).and_then(|&place: &usize| messages.get_mut(place))
                {
                    answer.result = Some(result);
                }
            }
            Fact::Opened { by, call, result } if result < 0 => {
                let result = names::result(result);
                messages
                    .push(Message::Other(format!("{}: {call} of /dev/fuse = {result}", who(&by))));
            }
            Fact::Mounted { by, target, result } if result < 0 => {
                let result = names::result(result);
                messages
                    .push(Message::Other(format!("{}: mount on {target} = {result}", who(&by))));
            }
            Fact::Ended { by, how } => {
                messages.push(Message::Other(format!("{} ended: {how}", who(&by))));
            }
            Fact::Opened { .. }
            | Fact::Mounted { .. }
            | Fact::Call { .. }
            | Fact::Ptrace { .. }
            | Fact::Full => {}
        }
    }
    messages
}

/// What a server gets that has to read again.
fn is_no_news(result: i64) -> bool {
    let again = [Errno::EAGAIN, Errno::EINTR, Errno::ENOENT].map(|errno| -(errno as i64));
    again.contains(&result) || (-516..=-512).contains(&result)
}

fn who(process: &Process) -> String {
    format!("{} (pid {})", process.name, process.pid)
}

/// The lines of the message at this place, with what was found in it.
pub fn told(messages: &[Message], at: usize, judgement: &Judgement) -> String {
    let findings: Vec<_> = judgement.findings.iter().filter(|finding| finding.at == at).collect();
    let mut told = match &messages[at] {
        Message::Other(line) => return format!("    × {line}\n"),
        Message::Request(request) if request.result < 0 => {
            let (who, call, room) = (who(&request.by), &request.call, names::bytes(request.room));
            format!("    → {who}: {call} of at most {room} = {}\n", names::result(request.result))
        }
        Message::Request(request) => format!("    {}\n", asked(request)),
        Message::Answer(answer) => {
            let question = judgement.requests.get(&at).and_then(|&at| match &messages[at] {
                Message::Request(request) => Some(request),
                _ => None,
            });
            let mut told = format!("    {}", answered(answer, question, &findings));
            if !findings.is_empty() || answer.result.is_none_or(|result| result < 0) {
                let _ = write!(told, "    {}", call(answer));
            }
            told + "\n"
        }
    };
    if let Message::Answer(answer) = &messages[at] {
        let question = judgement.question(messages, at);
        for Finding { field, says, .. } in findings.iter().filter(|f| !f.is_silence()) {
            told += &marked::marked(question, &answer.bytes, field.clone(), says);
        }
    } else {
        for finding in findings.iter().filter(|f| !f.is_silence()) {
            let _ = writeln!(told, "        {}", finding.says);
        }
    }
    for finding in findings {
        if finding.is_silence() {
            told = told.trim_end().to_owned() + "    (never answered)\n";
        } else {
            for line in &finding.then {
                let _ = writeln!(told, "        {line}");
            }
        }
    }
    told
}

/// The line of a request, in the style of the kit's traces.
fn asked(request: &Request) -> String {
    let line = Trace::new(TraceStyle::Raw).request(&request.bytes);
    let kept = request.bytes.len() as i64;
    if kept < request.result && line.contains("malformed") {
        let opcode = request.bytes.get(4..8).and_then(|bytes| bytes.try_into().ok());
        let name = names::opcode(opcode.map_or(0, u32::from_ne_bytes));
        return format!("→ {name}: {} bytes, of which the first {kept} are known", request.result);
    }
    line
}

/// The line of an answer.
fn answered(answer: &Answer, question: Option<&Request>, findings: &[&Finding]) -> String {
    let mut trace = Trace::new(TraceStyle::Raw);
    if let Some(request) = question {
        trace.request(&request.bytes);
    }
    let whole = answer.bytes.len() as u64 == answer.len;
    let line = match answer.bytes.get(..OutHeader::SIZE) {
        Some(head) if !whole => trace.reply_head(head),
        _ => trace.reply(&answer.bytes),
    };
    // What is wrong is said below, in other words.
    match (findings, line.split_once(" = ")) {
        ([], _) => line,
        (_, Some((begin, meaning))) if is_nonsense(findings, meaning) => begin.to_owned(),
        // Data would push what is wrong out of sight.
        (_, Some(_)) if line.chars().count() > LINE => {
            line.chars().take(LINE).chain(['…']).collect()
        }
        (_, Some(_)) => line,
        (_, None) if findings.iter().any(|finding| finding.field == Some(UNIQUE)) => {
            let unique = answer.bytes.get(UNIQUE).and_then(|bytes| bytes.try_into().ok());
            unique.map_or(line, |unique| format!("← #{}", u64::from_ne_bytes(unique)))
        }
        (_, None) => "←".to_owned(),
    }
}

/// Does the answer mean nothing, so that its meaning would mislead?
fn is_nonsense(findings: &[&Finding], meaning: &str) -> bool {
    let in_the_header = |finding: &&Finding| {
        finding.field.as_ref().is_some_and(|field| field.start < OutHeader::SIZE)
    };
    meaning.starts_with("malformed") || findings.iter().any(in_the_header)
}

/// `write of 120 bytes = -EINVAL`
fn call(answer: &Answer) -> String {
    let Answer { call, len, there, result, .. } = answer;
    let there = match there {
        Some(there) if there != len => format!(", {there} in the pipe"),
        _ => String::new(),
    };
    let result = result
        .map_or("has not returned".to_owned(), |result| format!("= {}", names::result(result)));
    format!("[{call} of {}{there} {result}]", names::bytes(*len))
}
