//! A block device for a test: a loop device over a file (loop(4)).

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;

// linux/loop.h
const LOOP_SET_FD: libc::c_ulong = 0x4C00;
const LOOP_CLR_FD: libc::c_ulong = 0x4C01;
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;

/// A loop device. Dropping it sets it free.
pub struct Loop {
    /// `/dev/loop0` or the like.
    pub path: PathBuf,
    device: File,
}

impl Loop {
    /// The block device whose bytes are those of `file`.
    pub fn over(file: &Path) -> Loop {
        let file = File::options().read(true).write(true).open(file).unwrap();
        let control = File::open("/dev/loop-control").unwrap();
        // SAFETY: LOOP_CTL_GET_FREE takes no argument; the descriptor is open.
        let number = Errno::result(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) });
        let path = PathBuf::from(format!("/dev/loop{}", number.unwrap()));
        let device = File::options().read(true).write(true).open(&path).unwrap();
        // SAFETY: LOOP_SET_FD takes a descriptor, by value; both are open.
        let set = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_SET_FD, file.as_raw_fd()) };
        Errno::result(set).unwrap();
        Loop { path, device }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // SAFETY: LOOP_CLR_FD takes no argument; the descriptor is open.
        unsafe { libc::ioctl(self.device.as_raw_fd(), LOOP_CLR_FD) };
    }
}
