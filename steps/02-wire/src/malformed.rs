//! What is wrong with a message that cannot be read.

use crate::abi::{InHeader, LaterOpcode, Opcode, OutHeader, WireStruct};
use std::fmt;

/// A message that does not hold what it should.
///
/// The request may still want its answer: exactly one for each request, even for one that cannot be
/// read. So the number and the opcode are kept where the bytes reach that far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The number of the request.
    pub unique: Option<u64>,
    /// What it asks, as a number.
    pub opcode: Option<u32>,
    /// Where in the message the trouble starts, in bytes.
    pub offset: usize,
    /// What the trouble is.
    pub problem: Problem,
}

/// What the trouble is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The message ends too early.
    Short {
        /// What should stand there: a struct by its kernel name, or a phrase.
        what: &'static str,
        /// How many bytes it takes.
        needed: usize,
        /// How many bytes there are.
        found: usize,
    },
    /// A name that no NUL ends.
    Unterminated {
        /// Which name.
        what: &'static str,
    },
    /// The header's `len` cannot be true.
    Length {
        /// What it says.
        len: u32,
        /// How many bytes there are.
        found: usize,
    },
    /// The `size` of a WRITE and the length of its message disagree.
    DataSize {
        /// What `size` says.
        size: u32,
        /// How many bytes the message has for data.
        found: usize,
    },
    /// Bytes too many at the end of a reply, where the kernel allows none.
    Surplus {
        /// How many.
        found: usize,
    },
}

impl Malformed {
    /// The request to answer, with EIO for example. `None` when the kernel waits for no answer, or
    /// when even the header is incomplete.
    // ANCHOR: owed
    pub fn owed_answer(&self) -> Option<u64> {
        let wanted = Opcode::from_u32(self.opcode?).is_none_or(Opcode::wants_reply);
        if wanted { self.unique } else { None }
    }
    // ANCHOR_END: owed

    /// The opcode's name, or its number.
    fn opcode_name(&self) -> String {
        self.opcode.map_or("message".to_string(), opcode_name)
    }
}

/// The opcode's name when it has one, even one newer than 7.14; its number otherwise.
pub(crate) fn opcode_name(number: u32) -> String {
    match (Opcode::from_u32(number), LaterOpcode::from_u32(number)) {
        (Some(opcode), _) => opcode.to_string(),
        (None, Some(later)) => later.name.to_string(),
        (None, None) => format!("opcode {number}"),
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed {} at byte {}: {}", self.opcode_name(), self.offset, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Problem::Short { what, needed, found } => {
                write!(f, "{what} takes {needed} bytes, {found} are there")
            }
            Problem::Unterminated { what } => write!(f, "no NUL ends the {what}"),
            Problem::Length { len, found }
                if (len as usize) < InHeader::SIZE && (len as usize) < found =>
            {
                write!(f, "len says {len} bytes, too few for a header")
            }
            Problem::Length { len, found } => write!(f, "len says {len} bytes, {found} are there"),
            Problem::DataSize { size, found } => {
                write!(f, "size says {size} bytes of data, len leaves {found}")
            }
            Problem::Surplus { found } => write!(f, "{found} bytes too many"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Trouble at a place, before anyone has said which request it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub offset: usize,
    pub problem: Problem,
}

impl Fault {
    /// The fault of a request. Takes number and opcode from the bytes themselves: the header may be
    /// cut.
    pub fn in_request(self, message: &[u8]) -> Malformed {
        let opcode =
            message.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(u32::from_ne_bytes);
        let unique =
            message.get(8..16).and_then(|bytes| bytes.try_into().ok()).map(u64::from_ne_bytes);
        Malformed { unique, opcode, offset: self.offset, problem: self.problem }
    }

    /// The fault of a reply to a request with this opcode.
    pub fn in_reply(self, opcode: Option<u32>, message: &[u8]) -> Malformed {
        let unique = message
            .get(8..OutHeader::SIZE)
            .and_then(|bytes| bytes.try_into().ok())
            .map(u64::from_ne_bytes);
        Malformed { unique, opcode, offset: self.offset, problem: self.problem }
    }
}
