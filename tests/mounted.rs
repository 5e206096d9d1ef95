//! File systems that a test mounts beside the server's.

use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::visitor::fresh_dir;

/// Something mounted, and where. Dropping it unmounts.
pub struct Mounted(pub PathBuf);

impl Mounted {
    /// An empty tmpfs, with a name of its own in the test's directory.
    pub fn tmpfs(name: &str) -> Mounted {
        Mounted::tmpfs_of("50%", name)
    }

    /// One that holds no more than `size`.
    pub fn tmpfs_of(size: &str, name: &str) -> Mounted {
        let dir = fresh_dir(name);
        let size = Some(format!("size={size}"));
        mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::empty(), size.as_deref()).unwrap();
        Mounted(dir)
    }

    /// `dir` once more, not to be written.
    pub fn read_only(dir: &Path, name: &str) -> Mounted {
        let again = Mounted(fresh_dir(name));
        let none = None::<&str>;
        mount(Some(dir), &again.0, none, MsFlags::MS_BIND, none).unwrap();
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(none, &again.0, none, flags, none).unwrap();
        again
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}
