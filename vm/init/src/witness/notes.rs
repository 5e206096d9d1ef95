//! The file of facts, a line of JSON each.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use vm_init::Fact;

/// No more than so many bytes: the host waits for them, and the port is slow under emulation.
const LIMIT: usize = 6 * 1024 * 1024;

pub struct Notes {
    file: File,
    written: usize,
}

impl Notes {
    pub fn create(path: &Path) -> anyhow::Result<Notes> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Notes { file, written: 0 })
    }

    /// Writes it down, if there is still room.
    pub fn take(&mut self, fact: &Fact) -> anyhow::Result<()> {
        if self.are_full() {
            return Ok(());
        }
        let mut line = serde_json::to_vec(fact)?;
        line.push(b'\n');
        self.written += line.len();
        if self.are_full() {
            line = serde_json::to_vec(&Fact::Full)?;
            line.push(b'\n');
        }
        self.file.write_all(&line).context("cannot write a fact down")
    }

    pub fn are_full(&self) -> bool {
        self.written > LIMIT
    }
}
