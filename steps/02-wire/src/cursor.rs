//! A cursor that cannot read past the end.

use crate::abi::{Field, WireStruct};
use crate::malformed::{Fault, Problem};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// A place in a message. Whoever reads a message does it through this, piece by piece.
pub(crate) struct Cursor<'a> {
    message: &'a [u8],
    at: usize,
    trail: Option<Vec<Piece>>,
}

/// A piece that was read, as [`crate::fields`] wants to know it.
pub(crate) struct Piece {
    pub offset: usize,
    pub len: usize,
    /// A struct by its kernel name, or a phrase.
    pub what: &'static str,
    /// Empty for names and data.
    pub fields: &'static [Field],
}

impl<'a> Cursor<'a> {
    pub fn new(message: &'a [u8]) -> Cursor<'a> {
        Cursor { message, at: 0, trail: None }
    }

    /// A cursor that remembers each piece it reads.
    pub fn with_trail(message: &'a [u8]) -> Cursor<'a> {
        Cursor { message, at: 0, trail: Some(Vec::new()) }
    }

    pub fn into_trail(self) -> Vec<Piece> {
        self.trail.unwrap_or_default()
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// Forget the bytes from `end` on: they are not of this message.
    pub fn limit(&mut self, end: usize) {
        self.message = &self.message[..end.clamp(self.at, self.message.len())];
    }

    /// The bytes not yet read.
    pub fn left(&self) -> &'a [u8] {
        &self.message[self.at..]
    }

    /// The next `count` bytes. Everything below ends here, so nothing reads past the end.
    // ANCHOR: take
    fn take(
        &mut self,
        what: &'static str,
        count: usize,
        fields: &'static [Field],
    ) -> Result<&'a [u8], Fault> {
        let left = self.left();
        let Some(taken) = left.get(..count) else {
            return Err(self.fault(Problem::Short { what, needed: count, found: left.len() }));
        };
        if let Some(trail) = &mut self.trail {
            trail.push(Piece { offset: self.at, len: count, what, fields });
        }
        self.at += count;
        Ok(taken)
    }
    // ANCHOR_END: take

    /// The next struct, copied out: the buffer owes us no alignment. In the trail it is one piece, with
    /// its kernel name and its fields.
    ///
    /// # Errors
    ///
    /// [`Problem::Short`], where the struct should start. Nothing was read then.
    pub fn structure<T: WireStruct>(&mut self) -> Result<T, Fault> {
        // EXERCISE: 02.2
        let start = self.at;
        let bytes = self.take(T::NAME, T::SIZE, T::FIELDS)?;
        T::read_from_bytes(bytes).map_err(|_| Fault {
            offset: start,
            problem: Problem::Short { what: T::NAME, needed: T::SIZE, found: bytes.len() },
        })
        // EXERCISE_END: 02.2
    }

    /// A name that ends with a NUL. The NUL is read too, and not part of the name. In the trail both
    /// are one piece, without fields.
    ///
    /// # Errors
    ///
    /// [`Problem::Unterminated`], where the name starts: no NUL is left. Nothing was read then.
    pub fn name(&mut self, what: &'static str) -> Result<&'a OsStr, Fault> {
        // EXERCISE: 02.3
        let Some(len) = self.left().iter().position(|&byte| byte == 0) else {
            return Err(self.fault(Problem::Unterminated { what }));
        };
        let bytes = self.take(what, len + 1, &[])?;
        Ok(OsStr::from_bytes(&bytes[..len]))
        // EXERCISE_END: 02.3
    }

    /// So many bytes of data.
    pub fn data(&mut self, what: &'static str, count: usize) -> Result<&'a [u8], Fault> {
        self.take(what, count, &[])
    }

    /// All that is left.
    pub fn rest(&mut self, what: &'static str) -> Result<&'a [u8], Fault> {
        self.take(what, self.left().len(), &[])
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), Fault> {
        match self.left().len() {
            0 => Ok(()),
            found => Err(self.fault(Problem::Surplus { found })),
        }
    }

    /// Trouble at this place.
    pub fn fault(&self, problem: Problem) -> Fault {
        Fault { offset: self.at, problem }
    }
}
