//! The kernel's own messages, from /dev/kmsg.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::Context;
use nix::libc;

// ANCHOR: complaints
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
// ANCHOR_END: complaints

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
        Ok(complaint(messages))
    }
}

/// The messages, if there is a complaint among them. Its trace is in the lines after it, and what led
/// to it may be in those before.
fn complaint(messages: Vec<String>) -> Vec<String> {
    let complains = |m: &String| COMPLAINTS.iter().any(|word| m.contains(word));
    if messages.iter().any(complains) { messages } else { Vec::new() }
}

/// The first line of a message, without the numbers before it: `6,1234,5678,-;text`.
fn text(message: &str) -> String {
    let first_line = message.lines().next().unwrap_or_default();
    first_line.split_once(';').map_or(first_line, |(_, text)| text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As /dev/kmsg gave them, on 6.12.
    const QUIET: [&str; 3] = [
        "6,338,942462829,-;loop0: detected capacity change from 0 to 2048\n SUBSYSTEM=block\n DEVICE=b7:0\n",
        "6,270,2296598,-;EXT4-fs (vda): mounted filesystem 00000000 r/w without journal. Quota mode: none.\n",
        "4,339,2957751170,-;visit (105): drop_caches: 2\n",
    ];

    fn complaints(messages: &[&str]) -> Vec<String> {
        complaint(messages.iter().map(|message| text(message)).collect())
    }

    #[test]
    fn what_a_kernel_says_every_day_is_no_complaint() {
        assert_eq!(complaints(&QUIET), Vec::<String>::new());
        assert_eq!(complaints(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_complaint_brings_its_neighbours_along() {
        for bad in [
            "4,400,1,-;WARNING: CPU: 0 PID: 93 at fs/fuse/file.c:500 fuse_flush+0x1d2/0x240\n",
            "1,400,1,-;BUG: kernel NULL pointer dereference, address: 0000000000000008\n",
            "4,400,1,-;Oops: 0002 [#1] PREEMPT SMP PTI\n",
            "4,400,1,-;Oops: general protection fault, probably for non-canonical address\n",
            "3,400,1,-;INFO: task visit:93 blocked for more than 120 seconds.\n",
            "4,400,1,-;refcount_t: underflow; use-after-free.\n",
        ] {
            let told = complaints(&[QUIET[0], bad, QUIET[2]]);
            assert_eq!(told.len(), 3, "{bad}");
            assert_eq!(told[0], "loop0: detected capacity change from 0 to 2048");
            assert!(bad.contains(&told[1]), "{told:?}");
        }
    }
}
