//! From a bare kernel to one that can run a FUSE test.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;
use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};
use nix::mount::{MsFlags, mount};
use step01_device::{BUFFER_SIZE, Device, Mount};

/// What a real init mounts first.
pub fn mount_kernel_file_systems() -> anyhow::Result<()> {
    for (fs_type, dir) in
        [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp")]
    {
        mount_new(fs_type, dir)?;
    }
    Ok(())
}

fn mount_new(fs_type: &str, dir: &str) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {dir}"))?;
    match mount(Some(fs_type), dir, Some(fs_type), MsFlags::empty(), None::<&str>) {
        // devtmpfs may be there already (CONFIG_DEVTMPFS_MOUNT).
        Ok(()) | Err(Errno::EBUSY) => Ok(()),
        Err(errno) => Err(errno).with_context(|| format!("cannot mount {fs_type} on {dir}")),
    }
}

/// Loads modules in the order given: the host has sorted them by what they need.
pub fn load_modules(paths: &[String]) -> anyhow::Result<()> {
    for path in paths {
        let module = File::open(path).with_context(|| format!("cannot open the module {path}"))?;
        match finit_module(module, c"", ModuleInitFlags::empty()) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => {
                return Err(errno).with_context(|| format!("cannot load the module {path}"));
            }
        }
    }
    Ok(())
}

/// The control file system, by which a hung connection is aborted, and a device for every user.
pub fn make_ready_for_fuse() -> anyhow::Result<()> {
    if Path::new("/sys/fs/fuse/connections").exists() {
        mount_new("fusectl", "/sys/fs/fuse/connections")?;
        // devtmpfs makes it 0600, udev would make it 0666.
        fs::set_permissions("/dev/fuse", Permissions::from_mode(0o666))
            .context("cannot chmod /dev/fuse")?;
    }
    Ok(())
}

/// As `uname -r` prints it.
pub fn release() -> anyhow::Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")
        .context("cannot read the kernel's release")?;
    Ok(release.trim().to_owned())
}

/// The protocol version that the kernel offers: the first two fields of its INIT's body.
///
/// Also the proof that a FUSE file system can be mounted here at all.
pub fn fuse_version() -> anyhow::Result<String> {
    let device = Device::open()?;
    let dir = Path::new("/tmp/first-light");
    fs::create_dir(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let _mount = Mount::new(&device, dir, "vm-init", &[])?;
    let mut buffer = vec![0; BUFFER_SIZE];
    let init = device.read_message(&mut buffer)?;
    let field =
        |at: usize| init.get(at..at + 4).map(|b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
    let (major, minor) = field(40).zip(field(44)).context("the kernel's INIT is too short")?;
    Ok(format!("{major}.{minor}"))
}
