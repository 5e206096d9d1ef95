//! A trace: each message as one line, each reply next to the name of its request.

use crate::abi::{InHeader, Opcode, OutHeader, WireStruct};
use crate::decode::{decode, head_len};
use crate::display;
use crate::malformed::{Malformed, opcode_name};
use crate::operation::Operation;
use crate::reply::{Question, decode_notification, decode_reply};
use crate::values::errno;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::str::FromStr;
use zerocopy::FromBytes;

/// How a trace shows messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TraceStyle {
    /// Decoded, with the kernel's own `unique`. The caller of each request is shown too.
    Raw,
    /// Decoded, and requests are numbered 1, 2, 3 … in order of arrival, without callers and
    /// addresses, so that two runs can be compared.
    Stable,
    /// Not decoded: an arrow, and each byte of the message as two digits.
    ///
    /// ```text
    /// → 2c 00 00 00 01 …
    /// ← 10 00 00 00 fe …
    /// ← 10 00 02 00 00 … + 131072 bytes, spliced (patch)
    /// ```
    ///
    /// The third message has more bytes than were in memory: `+`, how many there were, and behind a
    /// comma what there is to say about them. A line that does not begin with an arrow is no message.
    Bytes,
}

impl FromStr for TraceStyle {
    type Err = String;

    /// The values of `--trace=STYLE`: `raw`, `stable` and `bytes`.
    fn from_str(style: &str) -> Result<TraceStyle, String> {
        match style {
            "raw" => Ok(TraceStyle::Raw),
            "stable" => Ok(TraceStyle::Stable),
            "bytes" => Ok(TraceStyle::Bytes),
            _ => Err("the styles are raw, stable and bytes".to_string()),
        }
    }
}

/// Turns messages into lines, and remembers which request each answer belongs to.
///
/// It remembers what still wants its answer, and no more, so it does not grow.
#[derive(Debug)]
pub struct Trace {
    style: TraceStyle,
    arrived: u64,
    outstanding: HashMap<u64, Asked>,
    /// INTERRUPTs need no answer, so nothing says when to forget one: the last few are kept.
    interrupts: VecDeque<(u64, Asked)>,
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    /// As shown.
    number: u64,
    question: Question,
}

const INTERRUPTS_KEPT: usize = 16;

impl Trace {
    /// A trace that has seen nothing yet.
    pub fn new(style: TraceStyle) -> Trace {
        Trace { style, arrived: 0, outstanding: HashMap::new(), interrupts: VecDeque::new() }
    }

    /// The line of a request, and remembers it. Of a WRITE the first 80 bytes will do.
    pub fn request(&mut self, message: &[u8]) -> String {
        if self.style == TraceStyle::Bytes {
            return bytes('→', message);
        }
        self.arrived += 1;
        match decode(message) {
            Ok((header, operation)) => self.well_formed(message, &header, operation),
            Err(malformed) => self.malformed(&malformed),
        }
    }

    fn well_formed(
        &mut self,
        message: &[u8],
        header: &InHeader,
        operation: Operation<'_>,
    ) -> String {
        let number = self.number(header.unique);
        self.remember(header.unique, Asked { number, question: Question::of(header, &operation) });
        let operation = match operation {
            Operation::Interrupt { mut arg } => match self.outstanding.get(&arg.unique) {
                Some(asked) => {
                    arg.unique = asked.number;
                    Operation::Interrupt { arg }
                }
                None if self.style == TraceStyle::Raw => operation,
                // It was answered meanwhile, or has not been read yet.
                None => return format!("→ #{number} INTERRUPT(of a request that is not here)"),
            },
            _ => operation,
        };
        let line = display::Request {
            header,
            operation: &operation,
            payload: message
                .get(head_len(header)..header.len as usize)
                .filter(|data| !data.is_empty()),
        };
        match self.style {
            TraceStyle::Raw => format!("→ #{number} {line}{}", caller(header)),
            _ => format!("→ #{number} {line:#}"),
        }
    }

    fn malformed(&mut self, malformed: &Malformed) -> String {
        let (Some(unique), Some(opcode)) = (malformed.unique, malformed.opcode) else {
            return format!("→ ? {malformed}");
        };
        let number = self.number(unique);
        self.remember(unique, Asked { number, question: Question { opcode, size_only: false } });
        format!("→ #{number} {malformed}")
    }

    /// The line of a reply or a notification, and forgets the request.
    pub fn reply(&mut self, message: &[u8]) -> String {
        if self.style == TraceStyle::Bytes {
            return bytes('←', message);
        }
        let Ok((header, _)) = OutHeader::read_from_prefix(message) else {
            return format!("← ? {} bytes, too few for a header", message.len());
        };
        if header.unique == 0 {
            return match decode_notification(message) {
                Ok(notification) => format!("← {notification}"),
                Err(malformed) => format!("← {malformed}"),
            };
        }
        let Some(Asked { number, question }) = self.recall(header.unique) else {
            return self.unknown(&header, message.len());
        };
        let name = opcode_name(question.opcode);
        match decode_reply(question, message) {
            Ok((_, reply)) if self.style == TraceStyle::Raw => {
                format!("← #{number} {name} = {reply}")
            }
            Ok((_, reply)) => format!("← #{number} {name} = {reply:#}"),
            Err(malformed) => {
                format!(
                    "← #{number} {name} = malformed at byte {}: {}",
                    malformed.offset, malformed.problem
                )
            }
        }
    }

    /// The line of a reply whose data are not in memory, because they went through a pipe: `head`
    /// is the header alone.
    pub fn reply_head(&mut self, head: &[u8]) -> String {
        if self.style == TraceStyle::Bytes {
            return bytes('←', head);
        }
        let Ok((header, _)) = OutHeader::read_from_prefix(head) else {
            return self.reply(head);
        };
        if header.len as usize <= OutHeader::SIZE {
            return self.reply(head);
        }
        let Some(Asked { number, question }) = self.recall(header.unique) else {
            return self.unknown(&header, header.len as usize);
        };
        let data = header.len as usize - OutHeader::SIZE;
        format!("← #{number} {} = {data} bytes", opcode_name(question.opcode))
    }

    /// A reply to a request that nobody has seen, or that has its answer already.
    fn unknown(&self, header: &OutHeader, len: usize) -> String {
        let number = match self.style {
            TraceStyle::Raw => format!("#{}", header.unique),
            _ => "?".to_string(),
        };
        let error = match header.error {
            0 => String::new(),
            error => format!(", error -{}", errno(error.checked_neg().unwrap_or(i32::MAX))),
        };
        format!("← {number} {len} bytes to no known request{error}")
    }

    fn number(&self, unique: u64) -> u64 {
        match self.style {
            TraceStyle::Raw => unique,
            _ => self.arrived,
        }
    }

    /// Only what may get an answer is worth remembering.
    fn remember(&mut self, unique: u64, asked: Asked) {
        match Opcode::from_u32(asked.question.opcode) {
            Some(Opcode::Forget) => {}
            Some(Opcode::Interrupt) => {
                self.interrupts.truncate(INTERRUPTS_KEPT - 1);
                self.interrupts.push_front((unique, asked));
            }
            _ => {
                self.outstanding.insert(unique, asked);
            }
        }
    }

    fn recall(&mut self, unique: u64) -> Option<Asked> {
        self.outstanding.remove(&unique).or_else(|| {
            let place = self.interrupts.iter().position(|&(interrupt, _)| interrupt == unique)?;
            self.interrupts.remove(place).map(|(_, asked)| asked)
        })
    }
}

/// The line of [`TraceStyle::Bytes`]. Each message begins with its length.
fn bytes(arrow: char, message: &[u8]) -> String {
    let mut line = String::from(arrow);
    for byte in message {
        let _ = write!(line, " {byte:02x}");
    }
    let len = message.first_chunk().map_or(0, |len| u32::from_ne_bytes(*len) as usize);
    if len > message.len() {
        let _ = write!(line, " + {} bytes", len - message.len());
    }
    line
}

/// Who asks. Nothing when the kernel asks for itself.
fn caller(header: &InHeader) -> String {
    match (header.pid, header.uid, header.gid) {
        (0, 0, 0) => String::new(),
        (pid, uid, gid) => format!("  [pid {pid} uid {uid} gid {gid}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{GetxattrIn, InterruptIn};
    use crate::encode;
    use nix::errno::Errno;
    use std::ffi::OsStr;
    use zerocopy::IntoBytes;

    fn request(opcode: Opcode, unique: u64, body: &[u8]) -> Vec<u8> {
        let len = (InHeader::SIZE + body.len()) as u32;
        let header = InHeader {
            len,
            opcode: opcode as u32,
            unique,
            nodeid: 1,
            pid: 57,
            ..InHeader::default()
        };
        [header.as_bytes(), body].concat()
    }

    #[test]
    fn a_reply_finds_its_request_once() {
        let mut trace = Trace::new(TraceStyle::Raw);
        trace.request(&request(Opcode::Readlink, 8, b""));
        assert_eq!(trace.reply(&encode::reply(8, b"target")), "← #8 READLINK = \"target\"");
        assert_eq!(trace.reply(&encode::reply(8, b"target")), "← #8 22 bytes to no known request");
        assert_eq!(
            trace.reply(&encode::error(8, Errno::EIO)),
            "← #8 16 bytes to no known request, error -EIO (I/O error)"
        );
    }

    #[test]
    fn arrival_numbers_hide_the_kernels() {
        let mut trace = Trace::new(TraceStyle::Stable);
        assert_eq!(trace.request(&request(Opcode::Statfs, 1000, b"")), "→ #1 STATFS(node 1)");
        assert_eq!(trace.request(&request(Opcode::Readlink, 2000, b"")), "→ #2 READLINK(node 1)");
        assert_eq!(
            trace.request(&request(
                Opcode::Interrupt,
                2001,
                InterruptIn { unique: 2000 }.as_bytes()
            )),
            "→ #3 INTERRUPT(#2)"
        );
        assert_eq!(
            trace.reply(&encode::error(2000, Errno::EINTR)),
            "← #2 READLINK = -EINTR (Interrupted system call)"
        );
        let late = request(Opcode::Interrupt, 2001, InterruptIn { unique: 2000 }.as_bytes());
        assert_eq!(trace.request(&late), "→ #4 INTERRUPT(of a request that is not here)");
        assert_eq!(
            trace.reply(&encode::error(2001, Errno::EAGAIN)),
            "← #4 INTERRUPT = -EAGAIN (Try again)"
        );
        assert_eq!(trace.reply(&encode::reply(77, b"")), "← ? 16 bytes to no known request");
    }

    #[test]
    fn a_question_for_the_size_is_remembered() {
        let mut trace = Trace::new(TraceStyle::Stable);
        for size in [0, 8] {
            trace.request(&request(
                Opcode::Listxattr,
                2,
                GetxattrIn { size, padding: 0 }.as_bytes(),
            ));
            let line = trace.reply(&encode::reply(2, b"\x05\0\0\0\0\0\0\0"));
            assert_eq!(line.contains("size=5"), size == 0, "{line}");
        }
    }

    #[test]
    fn it_does_not_grow() {
        let mut trace = Trace::new(TraceStyle::Raw);
        for unique in 1..1000 {
            trace.request(&request(Opcode::Forget, 5000 + unique, &[1, 0, 0, 0, 0, 0, 0, 0]));
            trace.request(&request(Opcode::Interrupt, unique, &[1, 0, 0, 0, 0, 0, 0, 0]));
            trace.request(&request(Opcode::Statfs, unique, b""));
            trace.reply(&encode::error(unique, Errno::EIO));
        }
        assert!(trace.outstanding.is_empty());
        assert_eq!(trace.interrupts.len(), INTERRUPTS_KEPT);
    }

    #[test]
    fn a_malformed_request_can_be_answered() {
        let mut trace = Trace::new(TraceStyle::Raw);
        assert_eq!(
            trace.request(&request(Opcode::Lookup, 6, b"name")),
            "→ #6 malformed LOOKUP at byte 40: no NUL ends the name"
        );
        assert_eq!(trace.reply(&encode::error(6, Errno::EIO)), "← #6 LOOKUP = -EIO (I/O error)");
        assert_eq!(
            trace.request(b"abc"),
            "→ ? malformed message at byte 0: fuse_in_header takes 40 bytes, 3 are there"
        );
        assert_eq!(trace.reply(b"abc"), "← ? 3 bytes, too few for a header");
    }

    #[test]
    fn a_head_will_do_where_the_data_went_through_a_pipe() {
        let mut trace = Trace::new(TraceStyle::Raw);
        trace.request(&request(Opcode::Readlink, 8, b""));
        let head = &encode::reply(8, &[0; 4096])[..16];
        assert_eq!(trace.reply_head(head), "← #8 READLINK = 4096 bytes");
    }

    #[test]
    fn bytes_are_all_there_or_counted() {
        let mut trace = Trace::new(TraceStyle::Bytes);
        let request = request(Opcode::Destroy, 8, b"");
        let line = trace.request(&request);
        assert!(line.starts_with("→ 28 00 00 00 26 00 00 00 08 00"), "{line}");
        assert_eq!(line.split(' ').count(), 1 + request.len());
        let reply = encode::reply(8, &[0x61; 300]);
        assert_eq!(trace.reply(&reply).split(' ').count(), 1 + 316);
        assert_eq!(
            trace.reply_head(&reply[..16]),
            "← 3c 01 00 00 00 00 00 00 08 00 00 00 00 00 00 00 + 300 bytes"
        );
        assert_eq!(trace.reply(b""), "←");
    }

    #[test]
    fn notifications_have_no_number() {
        let mut trace = Trace::new(TraceStyle::Raw);
        assert_eq!(trace.reply(&encode::notify_poll(3)), "← NOTIFY_POLL(kh=3)");
        let line = trace.reply(&encode::notify_inval_entry(1, OsStr::new("name")));
        assert_eq!(line, "← NOTIFY_INVAL_ENTRY(node 1, \"name\")");
    }
}
