//! File systems that a test mounts beside the server's.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::loopback::Loop;
use crate::visitor::{fresh_dir, output, stderr};

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

/// A new ext4, on a loop device over a file. It is unmounted before the device is set free.
pub struct Ext4 {
    /// Where it is mounted.
    pub dir: PathBuf,
    _mounted: Mounted,
    _device: Loop,
}

impl Ext4 {
    /// One of so many bytes, in the test's directory.
    pub fn new(size: u64, name: &str) -> Ext4 {
        let dir = fresh_dir(name);
        let image = dir.with_extension("image");
        File::create(&image).unwrap().set_len(size).unwrap();
        // Left to itself it asks for random numbers, for which a fresh guest waits some seconds.
        let id = "01234567-89ab-4cde-8f01-23456789abcd";
        let mut mke2fs = Command::new("mke2fs");
        mke2fs.args(["-q", "-t", "ext4", "-U", id, "-E", &format!("hash_seed={id}")]);
        let made = output(mke2fs.arg(&image));
        assert!(made.status.success(), "mke2fs: {}", stderr(&made));
        let device = Loop::over(&image);
        let none = None::<&str>;
        mount(Some(&device.path), &dir, Some("ext4"), MsFlags::empty(), none).unwrap();
        Ext4 { dir: dir.clone(), _mounted: Mounted(dir), _device: device }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
    }
}
