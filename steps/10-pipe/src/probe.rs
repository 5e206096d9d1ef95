//! What works here? Does `vmsplice(2)` refer to our memory, is `splice(2)` allowed at all?

use nix::errno::Errno;

use crate::pipe::Pipe;
use crate::slot::{SLOT_SIZE, Slot};

/// What `vmsplice(2)` does on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vmsplice {
    /// The pipe refers to our memory: what we change later is changed in the pipe.
    ByReference,
    /// It copies. (Proposed for Linux in 2026.)
    Copies,
    /// It is not allowed, or not there: EPERM, ENOSYS. (Sandboxes of containers do this.)
    Refused(Errno),
}

/// Tries it: moves a byte from one pipe to another.
pub fn probe_splice() -> Result<(), Errno> {
    let tried = || -> std::io::Result<()> {
        let mut to = Pipe::new()?.write(b"1")?;
        let poured = Pipe::new()?.write(b"2")?.pour_into(&mut to);
        poured.map(drop).map_err(|(_, errno)| errno.into())
    };
    tried().map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))
}

/// Tries it: puts memory into a pipe, changes the memory, and looks at what comes out.
// ANCHOR: probe
pub fn probe_vmsplice() -> Vmsplice {
    let tried = || -> std::io::Result<[u8; SLOT_SIZE]> {
        let mut slot = Slot::new()?;
        slot.set(&[b'a'; SLOT_SIZE]);
        let mut pipe = Pipe::new()?.refer_to(&slot)?;
        slot.set(&[b'b'; SLOT_SIZE]);
        let mut came = [0; SLOT_SIZE];
        pipe.read(&mut came)?;
        Ok(came)
    };
    match tried() {
        Ok(came) if came == [b'b'; SLOT_SIZE] => Vmsplice::ByReference,
        Ok(_) => Vmsplice::Copies,
        Err(error) => Vmsplice::Refused(error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)),
    }
}
// ANCHOR_END: probe
