//! Reading INIT and answering it.

use std::fmt;
use std::io;

use nix::errno::Errno;
use step01_device::{ReadFault, Written};
use step02_wire::abi::InitIn;
use step02_wire::{Malformed, Operation, decode, encode};

use crate::negotiate::{Agreement, Outcome, Refusal, Wishes, negotiate};
use crate::traced::TracedDevice;

/// Reads from the device until both sides agree; returns the kernel's offer, and the agreement.
///
/// `buffer` is for the requests, and needs [`BUFFER_SIZE`](step01_device::BUFFER_SIZE) bytes. A
/// kernel that cannot be served is told so, with EPROTO: its clients get ECONNREFUSED instead of
/// waiting for ever.
pub fn handshake(
    device: &TracedDevice,
    buffer: &mut [u8],
    wishes: &Wishes,
) -> Result<(InitIn, Agreement), HandshakeError> {
    loop {
        let message = match device.read_message(buffer) {
            Ok(message) => message,
            Err(ReadFault::Again) => continue,
            Err(ReadFault::Unmounted) => return Err(HandshakeError::Unmounted),
            Err(ReadFault::Fatal(error)) => return Err(HandshakeError::Device(error)),
        };
        let (header, operation) = decode(message)?;
        let Operation::Init { arg: offer } = operation else {
            // No kernel asks anything before INIT is answered. If one did, it gets its answer.
            device.write_message(&encode::error(header.unique, Errno::EIO))?;
            continue;
        };
        // ANCHOR: loop
        match negotiate(&offer, wishes) {
            Ok(outcome) => {
                let written =
                    device.write_message(&encode::reply_with(header.unique, &outcome.answer()))?;
                // Unwanted: it was unmounted meanwhile, and the next read says so.
                if let (Outcome::Agreed(agreement), Written::Taken) = (outcome, written) {
                    return Ok((offer, agreement));
                }
            }
            Err(refusal) => {
                device.write_message(&encode::error(header.unique, Errno::EPROTO))?;
                return Err(refusal.into());
            }
        }
        // ANCHOR_END: loop
    }
}

/// Why no agreement was reached.
#[derive(Debug)]
pub enum HandshakeError {
    /// The mount went away first. A clean end.
    Unmounted,
    /// The device cannot be read or written.
    Device(io::Error),
    /// A message that is none.
    Malformed(Malformed),
    /// The two cannot talk.
    Refused(Refusal),
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> HandshakeError {
        HandshakeError::Device(error)
    }
}

impl From<Malformed> for HandshakeError {
    fn from(malformed: Malformed) -> HandshakeError {
        HandshakeError::Malformed(malformed)
    }
}

impl From<Refusal> for HandshakeError {
    fn from(refusal: Refusal) -> HandshakeError {
        HandshakeError::Refused(refusal)
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no agreement with the kernel: ")?;
        match self {
            HandshakeError::Unmounted => write!(f, "the file system was unmounted first"),
            HandshakeError::Device(error) => write!(f, "/dev/fuse: {error}"),
            HandshakeError::Malformed(malformed) => write!(f, "{malformed}"),
            HandshakeError::Refused(refusal) => write!(f, "{refusal}"),
        }
    }
}

impl std::error::Error for HandshakeError {}
