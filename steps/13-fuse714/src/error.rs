//! Why it cannot be done.

use std::fmt;
use std::io;

use step05_server::ServeError;

use crate::fusermount::FusermountError;
use crate::serve::CannotSplice;

/// Why a file system cannot be mounted or served. Each says what mends it, where something does.
#[derive(Debug)]
pub enum Error {
    /// It cannot be mounted or served.
    Serve(ServeError),
    /// fusermount3 did not mount it.
    Fusermount(FusermountError),
    /// What was asked for cannot be spliced here.
    Splice(CannotSplice),
    /// It cannot go into the background.
    Background(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Serve(error) => error.fmt(f),
            Error::Fusermount(error) => error.fmt(f),
            Error::Splice(error) => error.fmt(f),
            Error::Background(error) => write!(f, "cannot go into the background: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl<E: Into<ServeError>> From<E> for Error {
    fn from(error: E) -> Error {
        Error::Serve(error.into())
    }
}

impl From<FusermountError> for Error {
    fn from(error: FusermountError) -> Error {
        Error::Fusermount(error)
    }
}

impl From<CannotSplice> for Error {
    fn from(error: CannotSplice) -> Error {
        Error::Splice(error)
    }
}
