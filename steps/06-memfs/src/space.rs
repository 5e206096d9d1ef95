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

    /// Takes so many blocks, or none. One may take all that are free.
    ///
    /// # Errors
    ///
    /// ENOSPC: there are not so many. Ask before you change anything: then nothing is lost.
    pub fn take(&mut self, blocks: u64) -> Result<(), Errno> {
        // EXERCISE: 06.1
        if blocks > self.free() {
            return Err(Errno::ENOSPC);
        }
        self.taken += blocks;
        Ok(())
        // EXERCISE_END: 06.1
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

/// A number of bytes as people write it: `4096`, `64M`; K, M and G are powers of 1024.
///
/// # Errors
///
/// Says what is wrong with it: no number, more than 64 bits can say, or less than the root directory alone
/// takes.
pub fn parse_size(text: &str) -> Result<u64, &'static str> {
    let (number, unit) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| "give a size like 4096, 64M or 1G")?;
    match number.checked_mul(unit) {
        None => Err("that is more than 64 bits can say"),
        Some(size) if size < BLOCK => Err("the root directory alone takes 4096 bytes"),
        Some(size) => Ok(size),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_units() {
        assert_eq!(parse_size("64M").unwrap(), 64 << 20);
        for wrong in ["", "M", "1T", "4095", "18446744073709551615G"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
