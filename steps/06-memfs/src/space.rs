//! The space that a file system may take.

use nix::errno::Errno;

/// What everything is counted in, in bytes.
pub const BLOCK: u64 = 4096;

/// So many blocks in all, so many taken.
///
/// A node costs a block, a name costs a block, a page of data costs a block, and an extended attribute
/// as many as its value fills. That is roughly true, and nothing that a client can make is free: so no
/// client can make us take all the memory there is.
#[derive(Debug)]
pub struct Space {
    total: u64,
    taken: u64,
}

impl Space {
    /// All of it free.
    pub fn new(total: u64) -> Space {
        Space { total, taken: 0 }
    }

    /// Takes some, or none.
    ///
    /// # Errors
    ///
    /// ENOSPC. Ask before you change anything: then nothing is lost.
    pub fn take(&mut self, blocks: u64) -> Result<(), Errno> {
        if blocks > self.free() {
            return Err(Errno::ENOSPC);
        }
        self.taken += blocks;
        Ok(())
    }

    /// Gives some back.
    pub fn give_back(&mut self, blocks: u64) {
        self.taken = self.taken.saturating_sub(blocks);
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn taken(&self) -> u64 {
        self.taken
    }

    pub fn free(&self) -> u64 {
        self.total - self.taken
    }
}
