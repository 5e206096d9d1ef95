//! What the guest's runner saw when it followed a test: facts, not text. The host makes a story of them.

use std::fmt::Write;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Of a longer message no more than its first bytes are kept: the arguments of any request, and a
/// listing of a page.
pub const KEPT: usize = 4096 + 128;

/// Something that happened, in the order in which it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// /dev/fuse was opened, or cloned.
    Opened {
        /// By whom.
        by: Process,
        /// The call: `openat`, `ioctl`.
        call: String,
        /// What it returned.
        result: i64,
    },
    /// A FUSE file system was mounted.
    Mounted {
        /// By whom.
        by: Process,
        /// Where: an absolute path.
        target: String,
        /// What mount(2) returned.
        result: i64,
    },
    /// A call that takes a request from /dev/fuse returned.
    Request {
        /// Who asked for it.
        by: Process,
        /// The call: `read`, `readv`, `splice`.
        call: String,
        /// The device's descriptor: an answer goes where its request came from.
        fd: i32,
        /// How many bytes it had room for.
        room: u64,
        /// What it returned: the length of the request, or an errno with a minus before it.
        result: i64,
        /// The request's first bytes, at most [`KEPT`].
        bytes: Bytes,
    },
    /// A call that gives /dev/fuse an answer began. What it returned comes as a [`Fact::Result`].
    Answer {
        /// To find its result.
        id: u64,
        /// Who answers.
        by: Process,
        /// The call: `write`, `writev`, `splice`.
        call: String,
        /// The device's descriptor.
        fd: i32,
        /// How many bytes it wants to write.
        len: u64,
        /// Of a splice: how many bytes were in the pipe.
        there: Option<u64>,
        /// The answer's first bytes, at most [`KEPT`].
        bytes: Bytes,
    },
    /// A call about something below a FUSE mount began.
    Call {
        /// To find its result.
        id: u64,
        /// Who calls.
        by: Process,
        /// The call: `openat`, `read`.
        call: String,
        /// About which file, from the mount point's name on: `mnt/hello.txt`.
        path: String,
        /// The second path of a call that has two.
        other: Option<String>,
    },
    /// What a call returned. A call without one has not returned.
    Result {
        /// Which.
        id: u64,
        /// As the kernel gives it: an error is its errno with a minus before it.
        result: i64,
    },
    /// A process that had to do with /dev/fuse ended.
    Ended {
        /// Which.
        by: Process,
        /// `exit status 101`, `signal 11`.
        how: String,
    },
    /// A process could not follow another with ptrace(2), since it is followed by us.
    Ptrace {
        /// Which.
        by: Process,
    },
    /// There was more than is kept. It is left out.
    Full,
}

/// A process, or one of its threads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The thread's id.
    pub thread: i32,
    /// The process's id, as the kernel sends it with a request.
    pub pid: i32,
    /// The process's name, cut to 15 bytes by the kernel.
    pub name: String,
}

/// Bytes, as hexadecimal digits on their way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut digits = String::with_capacity(2 * self.0.len());
        for byte in &self.0 {
            let _ = write!(digits, "{byte:02x}");
        }
        serializer.serialize_str(&digits)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let pairs = digits.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Option<Vec<u8>> = pairs.map(byte).collect();
        bytes.map(Bytes).ok_or_else(|| D::Error::custom(format!("no bytes: {digits:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_travel_as_digits() {
        let bytes = Bytes(vec![0x28, 0, 0xff]);
        let text = serde_json::to_string(&bytes).unwrap();
        assert_eq!(text, "\"2800ff\"");
        assert_eq!(serde_json::from_str::<Bytes>(&text).unwrap(), bytes);
        for no_bytes in ["\"2\u{e4}\"", "\"zz\"", "\"1\u{fe0f}\""] {
            assert!(serde_json::from_str::<Bytes>(no_bytes).is_err(), "{no_bytes}");
        }
    }
}
