//! Acting as the client: what is created belongs to the user who asked for it.

use std::marker::PhantomData;

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{Gid, Uid, getegid, geteuid, setfsgid, setfsuid};
use step02_wire::abi::InHeader;

/// While it lives, this thread creates files as its client: their user, their group, and what a setgid
/// directory makes of them.
///
/// `setfsgid(gid)`, `setfsuid(uid)`: the user as whom a thread is seen by file systems, and by nothing
/// else (setfsuid(2)). It is a matter of one thread. With `seteuid(3)` the C library would change all.
///
/// To leave user 0 takes the capabilities over files from the thread (capabilities(7)). Some of them
/// come back at once: see [`KEPT`].
#[derive(Debug)]
pub struct AsCaller {
    /// It must end in the thread that it began in.
    this_thread: PhantomData<*const ()>,
}

/// What the thread may still do. The kernel has checked, with `default_permissions`, whether the client
/// may create here: with all its groups, which no request tells, and with its capabilities. To check
/// again with less knowledge would only refuse what is allowed.
///
/// CAP_FSETID is not among them. So the file system drops the setgid bit of a new file that is not of its
/// creator's group.
// ANCHOR: kept
const KEPT: [u32; 3] = [CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_MKNOD];
// ANCHOR_END: kept

// linux/capability.h
const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_DAC_READ_SEARCH: u32 = 2;
const CAP_MKNOD: u32 = 27;

// ANCHOR: caller
impl AsCaller {
    /// From now on this thread is the client of this request. Without privilege it stays who it is.
    pub fn of(request: &InHeader) -> AsCaller {
        setfsgid(Gid::from_raw(request.gid));
        setfsuid(Uid::from_raw(request.uid));
        if request.uid != 0 {
            // Without privilege there is nothing to raise.
            let _ = raise(&KEPT);
        }
        AsCaller { this_thread: PhantomData }
    }
}

impl Drop for AsCaller {
    fn drop(&mut self) {
        // Back at user 0, the thread has its capabilities again.
        setfsuid(geteuid());
        setfsgid(getegid());
    }
}
// ANCHOR_END: caller

/// `struct __user_cap_header_struct`
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct`: 32 capabilities, each a bit in each set.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`: 64 capabilities, in two [`Data`].
const VERSION_3: u32 = 0x2008_0522;

/// `capget`, `capset`: makes those of the capabilities effective that this thread is permitted. All
/// are among the first 32. The C library has no function for it.
fn raise(capabilities: &[u32]) -> Result<(), Errno> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data::default(); 2];
    // SAFETY: capget(2) reads the header, and for this version writes two structs, which is what `data`
    // has room for. pid 0 is the calling thread.
    Errno::result(unsafe { libc::syscall(libc::SYS_capget, &mut header, data.as_mut_ptr()) })?;
    for capability in capabilities {
        data[0].effective |= 1 << capability & data[0].permitted;
    }
    // SAFETY: capset(2) reads the header, and for this version two structs.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &mut header, data.as_ptr()) })?;
    Ok(())
}
