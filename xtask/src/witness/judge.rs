//! What is wrong with a conversation: the rules of `fuse_dev_do_write` (fs/fuse/dev.c), in its order.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use nix::errno::Errno;
use step02_wire::abi::{MIN_READ_BUFFER, WireStruct};
use step02_wire::reply::decode_notification;
use step02_wire::{InHeader, Opcode, OutHeader, Question, decode};

use zerocopy::FromBytes;

use super::answer::{self, Session};
use super::conversation::{Answer, Message, Request};
use super::names;

/// A field of the header: its bytes in the message.
const LEN: Range<usize> = 0..4;
const ERROR: Range<usize> = 4..8;
pub const UNIQUE: Range<usize> = 8..16;

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In the message at this place.
    pub at: usize,
    /// In these bytes of it. None: not in its bytes.
    pub field: Option<Range<usize>>,
    /// What is wrong.
    pub says: String,
    /// What becomes of it, in lines. Empty: it is an answer that never came.
    pub then: Vec<String>,
}

impl Finding {
    /// Is it about an answer that never came?
    pub fn is_silence(&self) -> bool {
        self.then.is_empty()
    }
}

/// All that was found, in the order of the messages.
#[derive(Debug, Default)]
pub struct Judgement {
    pub findings: Vec<Finding>,
    /// Which request each answer belongs to, as places among the messages.
    pub requests: HashMap<usize, usize>,
}

impl Judgement {
    /// What the answer at this place answers.
    pub fn question(&self, messages: &[Message], at: usize) -> Option<Question> {
        match &messages[*self.requests.get(&at)?] {
            Message::Request(request) => question(&request.bytes),
            _ => None,
        }
    }
}

/// What a request asks. One that 7.14 cannot read has its opcode all the same.
fn question(request: &[u8]) -> Option<Question> {
    match decode(request) {
        Ok((header, operation)) => Some(Question::of(&header, &operation)),
        Err(malformed) => Some(Question { opcode: malformed.opcode?, size_only: false }),
    }
}

/// A request that was read.
struct Asked {
    at: usize,
    unique: u64,
    opcode: u32,
    pid: i32,
    fd: i32,
    /// The kernel waits no longer.
    ended: bool,
}

impl Asked {
    /// `#4 GETATTR`
    fn name(&self) -> String {
        format!("#{} {}", self.unique, names::opcode(self.opcode))
    }

    fn wants_an_answer(&self) -> bool {
        Opcode::from_u32(self.opcode).is_none_or(Opcode::wants_reply)
            // BATCH_FORGET is a FORGET too.
            && self.opcode != 42
    }
}

struct Judge<'a> {
    messages: &'a [Message],
    asked: Vec<Asked>,
    /// By process: it is a server's.
    sessions: BTreeMap<i32, Session>,
    judgement: Judgement,
}

/// Judges the messages.
pub fn judge(messages: &[Message]) -> Judgement {
    let mut judge = Judge {
        messages,
        asked: Vec::new(),
        sessions: BTreeMap::new(),
        judgement: Judgement::default(),
    };
    let mut rest_of = None;
    for (at, message) in messages.iter().enumerate() {
        match message {
            Message::Request(request) => judge.request(at, request),
            Message::Answer(answer) if rest_of == Some(at) => {
                judge.find(at, None, rest_says(answer), vec![refused(answer)]);
            }
            Message::Answer(answer) => rest_of = judge.answer(at, answer),
            Message::Other(_) => {}
        }
    }
    judge.silence();
    judge.judgement.findings.sort_by_key(|finding| finding.at);
    judge.judgement
}

fn rest_says(answer: &Answer) -> String {
    format!(
        "these {} are the rest of the message above, in a call of their own",
        names::bytes(answer.len)
    )
}

/// `The kernel refused it: EINVAL.`
fn refused(answer: &Answer) -> String {
    match answer.result {
        None => "The call has not returned.".to_owned(),
        Some(result @ ..0) => {
            let means = match Errno::from_raw(-result as i32) {
                Errno::EINVAL => ": the message is not what it must be",
                Errno::ENOENT => ": no request of that number waits for an answer from there",
                Errno::ENODEV | Errno::ECONNABORTED => ": the file system is not mounted any more",
                Errno::EPERM => ": nothing is mounted with this descriptor",
                _ => "",
            };
            let errno = names::result(result);
            format!("The kernel refused it with {}{means}.", errno.trim_start_matches('-'))
        }
        Some(_) => "The kernel took it.".to_owned(),
    }
}

impl Judge<'_> {
    fn find(&mut self, at: usize, field: Option<Range<usize>>, says: String, then: Vec<String>) {
        self.judgement.findings.push(Finding { at, field, says, then });
    }

    fn request(&mut self, at: usize, request: &Request) {
        let small = request.room < MIN_READ_BUFFER as u64;
        if request.result == -(Errno::EINVAL as i64) && small {
            let says = format!(
                "{} are too few: a request may be longer, and the kernel gives none to a buffer below {MIN_READ_BUFFER}",
                names::bytes(request.room)
            );
            self.find(
                at,
                None,
                says,
                vec!["No request can be read that way, so every client waits.".into()],
            );
        }
        let Ok((header, _)) = InHeader::read_from_prefix(&request.bytes) else { return };
        let InHeader { unique, opcode, .. } = header;
        let (pid, fd) = (request.by.pid, request.fd);
        if opcode == Opcode::Init as u32 {
            self.sessions.insert(pid, Session::default());
        }
        self.asked.push(Asked { at, unique, opcode, pid, fd, ended: false });
    }

    /// Returns the place of the next message, if that is the rest of this one.
    fn answer(&mut self, at: usize, answer: &Answer) -> Option<usize> {
        let len = answer.len;
        let Ok((header, _)) = OutHeader::read_from_prefix(&answer.bytes) else {
            let says = format!("{} are too few: the header alone takes 16", names::bytes(len));
            self.find(at, Some(0..answer.bytes.len()), says, vec![refused(answer)]);
            return None;
        };
        let request = self.find_request(answer, header.unique);
        let name = request.map(|request| self.asked[request].name());
        let waits = match &name {
            Some(name) if !self.asked[request?].ended => {
                format!("{name} still waits for its answer.")
            }
            _ => String::new(),
        };
        let lines =
            |more: String| [refused(answer), more].into_iter().filter(|l| !l.is_empty()).collect();
        if let Some(request) = request {
            self.judgement.requests.insert(at, self.asked[request].at);
        }
        if let Some(there) = answer.there.filter(|there| *there < len) {
            let says =
                format!("the splice asks for {}, {there} are in the pipe", names::bytes(len));
            self.find(at, None, says, lines(waits));
            return None;
        }
        if u64::from(header.len) != len {
            let says = format!("len says {}, {} were written", header.len, names::bytes(len));
            let rest = self.rest(at, answer, header.len);
            let mut then: Vec<_> = lines(waits);
            if rest.is_some() {
                then.push("One message is one call: the header and what follows it (writev(2) takes several pieces).".into());
            }
            self.find(at, Some(LEN), says, then);
            return rest;
        }
        if header.unique == 0 {
            self.notification(at, answer, &header);
            return None;
        }
        if header.error > 0 || header.error <= -512 {
            let says = if header.error > 0 {
                let errno = Errno::from_raw(header.error);
                format!(
                    "errno must be negative: {} is wanted for {errno:?}, not {}",
                    -header.error, header.error
                )
            } else {
                format!("{} is no errno: they end at -511", header.error)
            };
            self.find(at, Some(ERROR), says, lines(waits));
            return None;
        }
        let Some(request) = request else {
            self.unknown(at, answer, &header);
            return None;
        };
        let name = self.asked[request].name();
        if self.asked[request].opcode == Opcode::Interrupt as u32 {
            if len != OutHeader::SIZE as u64 {
                let says = format!(
                    "the answer to an INTERRUPT is a header and no more, not {}",
                    names::bytes(len)
                );
                self.find(at, Some(OutHeader::SIZE..len as usize), says, vec![refused(answer)]);
            }
            return None;
        }
        if !self.asked[request].wants_an_answer() {
            let says = format!("{name} wants no answer");
            self.find(at, Some(UNIQUE), says, vec![refused(answer)]);
            return None;
        }
        if self.asked[request].ended {
            let says = format!("{name} has its answer already");
            self.find(at, Some(UNIQUE), says, vec![refused(answer)]);
            return None;
        }
        self.asked[request].ended = true;
        if answer.result == Some(-(Errno::ENOENT as i64)) {
            // It was interrupted, or the file system unmounted, meanwhile: nobody's fault. Or:
            if answer.fd != self.asked[request].fd && answer.by.pid == self.asked[request].pid {
                let says = format!(
                    "{name} was read from descriptor {}, and its answer went to {}: each clone of the device has its own",
                    self.asked[request].fd, answer.fd
                );
                self.asked[request].ended = false;
                self.find(at, None, says, lines(format!("{name} still waits for its answer.")));
            }
            return None;
        }
        self.content(at, answer, &header, request);
        None
    }

    /// A payload for a request that waits.
    fn content(&mut self, at: usize, answer: &Answer, header: &OutHeader, request: usize) {
        let Asked { at: place, pid, .. } = self.asked[request];
        let name = self.asked[request].name();
        let Message::Request(asked) = &self.messages[place] else { return };
        let Some(question) = question(&asked.bytes) else { return };
        let fault = if header.error != 0 {
            let surplus = answer.len as usize - OutHeader::SIZE;
            (surplus > 0).then(|| answer::Fault {
                field: Some(OutHeader::SIZE..answer.len as usize),
                says: format!(
                    "an error comes alone: here {} follow it",
                    names::bytes(surplus as u64)
                ),
                client: None,
            })
        } else {
            let session = self.sessions.entry(pid).or_default();
            answer::check(session, question, asked, answer)
        };
        let refused_it = answer.result.is_some_and(|result| result < 0);
        match fault {
            Some(fault) => {
                let end = match fault.client {
                    Some(client) => client.to_owned(),
                    None if refused_it => {
                        format!("The kernel ended {name} with EIO.")
                    }
                    None => String::new(),
                };
                self.find(
                    at,
                    fault.field,
                    fault.says,
                    [refused(answer), end].into_iter().filter(|l| !l.is_empty()).collect(),
                );
            }
            None if refused_it => {
                let says = "the kernel refused it, and the witness does not see why".to_owned();
                self.find(at, None, says, vec![refused(answer)]);
            }
            None => {}
        }
    }

    /// The request of this number, by preference one that came by the same descriptor: each connection counts
    /// for itself.
    fn find_request(&self, answer: &Answer, unique: u64) -> Option<usize> {
        let of_this = |asked: &&(usize, &Asked)| asked.1.unique == unique;
        let all: Vec<_> = self.asked.iter().enumerate().collect();
        let mut all = all.iter().rev().filter(of_this).collect::<Vec<_>>();
        all.sort_by_key(|(_, asked)| {
            let near = (asked.pid == answer.by.pid, asked.fd == answer.fd);
            std::cmp::Reverse(near)
        });
        all.first().map(|(place, _)| *place)
    }

    /// The place of the same thread's next call, if it writes just what this one lacks.
    fn rest(&self, at: usize, answer: &Answer, len: u32) -> Option<usize> {
        let mut later = self.messages.iter().enumerate().skip(at + 1);
        later
            .find_map(|(place, message)| match message {
                Message::Answer(next) if next.by == answer.by => Some((place, next)),
                _ => None,
            })
            .filter(|(_, next)| answer.len + next.len == u64::from(len))
            .map(|(place, _)| place)
    }

    fn notification(&mut self, at: usize, answer: &Answer, header: &OutHeader) {
        if header.error <= 0 {
            let says =
                "unique 0 is no request: it stands for a notification, whose code is then in error"
                    .to_owned();
            self.find(at, Some(UNIQUE), says, vec![refused(answer)]);
        } else if let Err(malformed) = decode_notification(&answer.bytes) {
            let says = format!("this notification cannot be read: {}", malformed.problem);
            let field = malformed.offset..answer.bytes.len().max(malformed.offset + 1);
            self.find(at, Some(field), says, vec![refused(answer)]);
        }
        // ENOENT and others are its answer: nothing was cached under that name.
    }

    fn unknown(&mut self, at: usize, answer: &Answer, header: &OutHeader) {
        let waiting = self.asked.iter().filter(|asked| !asked.ended && asked.wants_an_answer());
        let names: Vec<_> = waiting.map(Asked::name).collect();
        let says = format!("unique {} was never asked", header.unique);
        let waits = match &names[..] {
            [] => String::new(),
            [one] => format!("{one} waits for its answer."),
            several => format!("These wait for their answers: {}.", several.join(", ")),
        };
        let then = [refused(answer), waits].into_iter().filter(|l| !l.is_empty()).collect();
        self.find(at, Some(UNIQUE), says, then);
    }

    /// What never got its answer.
    fn silence(&mut self) {
        // Nobody waits for a RELEASE. When the test is over, its server may be ended in the middle of one.
        let last = |asked: &Asked| {
            self.asked.iter().rfind(|other| other.pid == asked.pid).map(|last| last.at)
        };
        let at_the_end = |asked: &Asked| {
            let release = [Opcode::Release, Opcode::Releasedir].map(|opcode| opcode as u32);
            release.contains(&asked.opcode) && last(asked) == Some(asked.at)
        };
        let silent = self.asked.iter().filter(|asked| !asked.ended && asked.wants_an_answer());
        let findings = silent.filter(|asked| !at_the_end(asked)).map(|asked| Finding {
            at: asked.at,
            field: None,
            says: format!("{} was never answered.", asked.name()),
            then: Vec::new(),
        });
        let findings: Vec<_> = findings.collect();
        self.judgement.findings.extend(findings);
    }
}
