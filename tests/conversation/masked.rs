//! What differs from run to run, made the same: so that a recording can be compared.
//!
//! * Processes (`pid`, of callers and of locks) are numbered 1, 2, 3 … in order of appearance. 0, the
//!   kernel itself, stays.
//! * Lock owners, which are scrambled addresses, are numbered in the same way.
//! * Times in attributes become 0.
//!
//! All else is left as it came: what is masked is a valid message still, of the same length.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Conversation, Message};

impl Conversation {
    /// The same, as far as two runs have it in common.
    pub fn masked(&self) -> anyhow::Result<Conversation> {
        let mut conversation = self.clone();
        let mut mask = Mask::default();
        for event in &mut conversation.events {
            use super::Event::{Notification, Reply, Request};
            if let Request(message) | Reply(message) | Notification(message) = event {
                mask.apply(message);
            }
        }
        // Read once more: the lines and the processes are those of the new bytes.
        Conversation::parse(&conversation.to_string())
    }
}

#[derive(Default)]
struct Mask {
    processes: Numbers<u32>,
    owners: Numbers<u64>,
}

impl Mask {
    fn apply(&mut self, message: &mut Message) {
        for row in message.table().rows {
            let there = &mut message.bytes[row.offset..][..row.bytes.len()];
            // A struct in a struct: `attr.mtime`, `lk.pid`.
            match row.field.rsplit('.').next().unwrap_or_default() {
                "pid" => {
                    let pid = u32::from_ne_bytes(there.try_into().expect("pid: 4 bytes"));
                    there.copy_from_slice(&(self.processes.of(pid) as u32).to_ne_bytes());
                }
                "owner" | "lock_owner" => {
                    let owner = u64::from_ne_bytes(there.try_into().expect("owner: 8 bytes"));
                    there.copy_from_slice(&self.owners.of(owner).to_ne_bytes());
                }
                "atime" | "mtime" | "ctime" | "atimensec" | "mtimensec" | "ctimensec" => {
                    there.fill(0);
                }
                _ => {}
            }
        }
    }
}

/// Numbers in order of appearance. 0 stays 0.
#[derive(Default)]
struct Numbers<T>(HashMap<T, u64>);

impl<T: Default + Eq + Hash> Numbers<T> {
    fn of(&mut self, value: T) -> u64 {
        if value == T::default() {
            return 0;
        }
        let next = self.0.len() as u64 + 1;
        *self.0.entry(value).or_insert(next)
    }
}
