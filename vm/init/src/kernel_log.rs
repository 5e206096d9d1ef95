//! The kernel's own messages, from /dev/kmsg.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use nix::libc;

/// Words by which a kernel complains.
const COMPLAINTS: [&str; 8] = [
    "WARNING:",
    "BUG:",
    "Oops",
    "general protection",
    "refcount_t:",
    "KASAN:",
    "UBSAN:",
    "INFO: task",
];

/// A place in the kernel's log.
pub struct KernelLog(File);

impl KernelLog {
    /// Starts listening: what the kernel said before does not count.
    pub fn from_now() -> anyhow::Result<KernelLog> {
        let mut log = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .context("cannot open /dev/kmsg")?;
        log.seek(SeekFrom::End(0)).context("cannot go to the end of /dev/kmsg")?;
        Ok(KernelLog(log))
    }

    /// What the kernel has said since, if there is a complaint in it.
    pub fn complaints(mut self) -> anyhow::Result<Vec<String>> {
        let mut messages = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            // One read gives one message: `6,1234,5678,-;text`.
            match self.0.read(&mut buffer) {
                Ok(length) => messages.push(text(&String::from_utf8_lossy(&buffer[..length]))),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                // Old messages were overwritten before we read them. The next read goes on.
                Err(e) if e.raw_os_error() == Some(libc::EPIPE) => {}
                Err(e) => return Err(e).context("cannot read /dev/kmsg"),
            }
        }
        let complains = |m: &String| COMPLAINTS.iter().any(|word| m.contains(word));
        Ok(if messages.iter().any(complains) { messages } else { Vec::new() })
    }
}

fn text(message: &str) -> String {
    let first_line = message.lines().next().unwrap_or_default();
    first_line.split_once(';').map_or(first_line, |(_, text)| text).to_owned()
}
