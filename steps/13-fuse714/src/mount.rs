//! The first half: mounted, and not served yet.

use std::fs;
use std::path::Path;

use nix::unistd::geteuid;
use step01_device::{Device, Mount, Signals};
use step05_server::Handler;

use crate::error::Error;
use crate::fusermount;
use crate::options::{MountBy, MountOptions};
use crate::serve::{Agreed, ServeOptions, Served};

/// A mounted file system that is not being served yet: whoever looks into it waits. Dropping it unmounts.
#[derive(Debug)]
pub struct Mounted {
    // The device goes first: then nobody waits for it any more when the mount goes.
    device: Device,
    mount: Mount,
}

/// Mounts on `dir`.
///
/// Call it before starting threads, if signals are to unmount ([`MountOptions::signals`]): a thread that was
/// there before would still die of them, and the whole process with it.
///
/// # Errors
///
/// The directory is missing or busy, FUSE is not there, or this user may not mount. The error says what
/// mends it.
pub fn mount(dir: impl AsRef<Path>, options: &MountOptions) -> Result<Mounted, Error> {
    let signals = options.signals.then(Signals::block).transpose()?;
    let (device, mount) = match chosen(options.by) {
        MountBy::Fusermount => fusermount::mount(dir.as_ref(), options)?,
        _ => directly(dir.as_ref(), options)?,
    };
    if let Some(signals) = signals {
        signals.unmount(&mount)?;
    }
    Ok(Mounted { device, mount })
}

/// What `Auto` means here.
pub(crate) fn chosen(by: MountBy) -> MountBy {
    match by {
        MountBy::Auto if may_mount() => MountBy::Direct,
        MountBy::Auto => MountBy::Fusermount,
        told => told,
    }
}

/// Has this process CAP_SYS_ADMIN? Root in a container may have not.
///
/// It is bit 21 of the effective capabilities: the hexadecimal number behind `CapEff:` in /proc/self/status. If
/// there is none to read, for want of /proc, root is believed to have it, and nobody else.
fn may_mount() -> bool {
    // EXERCISE: 13.2
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    match effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()) {
        Some(set) => set & CAP_SYS_ADMIN != 0,
        None => geteuid().is_root(),
    }
    // EXERCISE_END: 13.2
}

fn directly(dir: &Path, options: &MountOptions) -> Result<(Device, Mount), Error> {
    let device = Device::open()?;
    let extra = options.for_the_kernel();
    let extra: Vec<&str> = extra.iter().map(String::as_str).collect();
    let (fs_type, flags) = (options.fs_type(), options.all_flags());
    let mount = Mount::of_type(&fs_type, &device, dir, &options.source, flags, &extra)?;
    Ok((device, mount))
}

impl Mounted {
    /// The mount point, as an absolute path without symbolic links.
    pub fn path(&self) -> &Path {
        self.mount.path()
    }

    /// Agrees with the kernel, then serves until the file system is unmounted.
    ///
    /// # Errors
    ///
    /// [`Error::Splice`]: not in the way that was asked for. Otherwise: the server cannot go on.
    pub fn serve(self, options: &ServeOptions, handler: &dyn Handler) -> Result<Served, Error> {
        self.agree(options)?.serve(handler)
    }

    /// Only agrees with the kernel. From then on, clients are as good as served.
    ///
    /// # Errors
    ///
    /// As [`Mounted::serve`].
    pub fn agree(self, options: &ServeOptions) -> Result<Agreed, Error> {
        Agreed::over(self.device, self.mount, options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;
    use nix::libc;

    #[test]
    fn who_may_mount_is_what_capget_says() {
        // _LINUX_CAPABILITY_VERSION_3, and this process; then effective, permitted and inheritable, twice.
        let header: [u32; 2] = [0x2008_0522, 0];
        let mut sets = [0_u32; 6];
        // SAFETY: capget(2) reads a header, and for this version writes two structs of three numbers each.
        let got = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) };
        Errno::result(got).unwrap();
        assert_eq!(may_mount(), sets[0] >> 21 & 1 == 1);
    }
}
