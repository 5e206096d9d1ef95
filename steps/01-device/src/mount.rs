//! The mount: what ties an open /dev/fuse to a directory.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nix::errno::Errno::{self, ECONNREFUSED, ENOTCONN};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::statvfs::statvfs;
use nix::unistd::{getegid, geteuid};

use crate::device::Device;
use crate::mountinfo::{Mounted, mounted_on};

/// A mounted file system. Dropping it unmounts.
#[derive(Debug)]
pub struct Mount {
    pub(crate) point: Arc<MountPoint>,
}

/// Where we mounted, and what: enough to unmount that, and nothing else.
#[derive(Debug)]
pub(crate) struct MountPoint {
    path: PathBuf,
    /// `major:minor`, as mountinfo lists it.
    device_number: String,
    /// The open /dev/fuse, for as long as its owner keeps it.
    device: Weak<OwnedFd>,
    /// How it goes away: by umount2(2), unless somebody else had to mount for us.
    detach: fn(&Path) -> io::Result<()>,
    /// Held while unmounting: at Ctrl-C one thread does it, and wakes another that will try too.
    unmounting: Mutex<()>,
}

/// What each mount has that does not say otherwise: programs in it do not run as its owner (MS_NOSUID), and
/// its device nodes are none (MS_NODEV).
pub const SAFE: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV);

impl Mount {
    /// `mount(source, dir, "fuse", MS_NOSUID | MS_NODEV, "fd=N,rootmode=40000,user_id=U,group_id=G")`
    ///
    /// From here on the kernel sends requests to `device`. The first is INIT, and until it is
    /// answered every client of the directory waits. `source` is the name that mount(8) and df(1)
    /// show. `extra` are further options, for example `default_permissions` (fuse(4)).
    ///
    /// # Errors
    ///
    /// EPERM without CAP_SYS_ADMIN, and one error for each way a directory can be unfit:
    /// see [`MountError`].
    pub fn new(
        device: &Device,
        dir: &Path,
        source: &str,
        extra: &[&str],
    ) -> Result<Mount, MountError> {
        Mount::of_type("fuse", device, dir, source, SAFE, extra)
    }

    /// A file system that lives on a block device, of which this server has the only use:
    /// `mount(block_device, dir, "fuseblk", …)`, with the same options.
    ///
    /// The kernel treats it as a disk's: it sends BMAP, and at a plain umount(8) it waits for the answer
    /// to DESTROY (`fuse_kill_sb_blk`, fs/fuse/inode.c).
    ///
    /// # Errors
    ///
    /// As [`Mount::new`]; ENOTBLK where it is no block device; EBUSY where it is mounted already.
    pub fn of_block_device(
        device: &Device,
        dir: &Path,
        block_device: &str,
        extra: &[&str],
    ) -> Result<Mount, MountError> {
        Mount::of_type("fuseblk", device, dir, block_device, SAFE, extra)
    }

    /// What somebody else has mounted on `dir` for `device`, as fusermount3(1) does for users who may not
    /// mount. `detach` will unmount it.
    ///
    /// # Errors
    ///
    /// Where nothing is mounted.
    pub fn made_elsewhere(
        device: &Device,
        dir: &Path,
        detach: fn(&Path) -> io::Result<()>,
    ) -> Result<Mount, MountError> {
        // Not by canonicalize(3), which would ask the new file system for its root.
        let Some(mounted) = listed(dir)? else {
            return Err(MountError { dir: dir.to_owned(), why: Why::Nothing });
        };
        Ok(Mount::at(dir.to_owned(), mounted.device_number, device, detach))
    }

    /// Of a type like `fuse.sshfs`, and with flags of one's own choice.
    ///
    /// # Errors
    ///
    /// As [`Mount::new`].
    pub fn of_type(
        fs_type: &str,
        device: &Device,
        dir: &Path,
        source: &str,
        flags: MsFlags,
        extra: &[&str],
    ) -> Result<Mount, MountError> {
        let path = fit_mount_point(dir)?;
        // ANCHOR: mount
        let mut options = format!(
            // What the kernel insists on: who answers, that the root is a directory (S_IFDIR, in
            // octal), and whose mount it is. Nobody else may enter, unless `allow_other` is given.
            "fd={},rootmode=40000,user_id={},group_id={}",
            device.as_fd().as_raw_fd(),
            geteuid(),
            getegid(),
        );
        for option in extra {
            options.push(',');
            options.push_str(option);
        }
        mount(Some(source), &path, Some(fs_type), flags, Some(options.as_str()))
            .map_err(|errno| MountError { dir: path.clone(), why: why(errno) })?;
        // ANCHOR_END: mount

        let device_number = listed(&path)?.map(|ours| ours.device_number).unwrap_or_default();
        Ok(Mount::at(path, device_number, device, detach))
    }

    fn at(
        path: PathBuf,
        device_number: String,
        device: &Device,
        detach: fn(&Path) -> io::Result<()>,
    ) -> Mount {
        let device = Arc::downgrade(&device.0);
        let unmounting = Mutex::new(());
        Mount { point: Arc::new(MountPoint { path, device_number, device, detach, unmounting }) }
    }

    /// The mount point, as an absolute path without symbolic links.
    pub fn path(&self) -> &Path {
        &self.point.path
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.point.unmount();
    }
}

impl MountPoint {
    /// Unmounts, if what is mounted there is still ours.
    // ANCHOR: unmount
    pub(crate) fn unmount(&self) {
        let _one_at_a_time = self.unmounting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_ours()
            && let Err(error) = (self.detach)(&self.path)
        {
            let path = self.path.display();
            eprintln!("cannot unmount {path}: {error}. Try: sudo umount -l {path}");
        }
    }
    // ANCHOR_END: unmount

    /// Is what is mounted there ours? Somebody else may have unmounted us, and mounted theirs.
    // ANCHOR: ours
    fn is_ours(&self) -> bool {
        let listed = mounted_on(&self.path).ok().flatten();
        if listed.is_none_or(|mounted| mounted.device_number != self.device_number) {
            return false;
        }
        // While our connection lives, no other file system has its number. Afterwards the number may
        // be given again. If the mount is ours, it is dead: a call on it cannot wait for anybody.
        self.is_connected() || matches!(statvfs(&self.path), Err(ENOTCONN | ECONNREFUSED))
    }
    // ANCHOR_END: ours

    /// Does the connection of our device still live? Not if its owner has closed the device.
    ///
    /// Otherwise a poll(2) tells: of a device whose connection has ended it reports an error (POLLERR),
    /// whatever it was asked for (`fuse_dev_poll`). So it asks for no event, and does not wait. If it fails,
    /// or reports what has no name in [`PollFlags`], take the connection for ended.
    fn is_connected(&self) -> bool {
        // EXERCISE: 01.3
        let Some(device) = self.device.upgrade() else { return false };
        let mut polled = [PollFd::new(device.as_fd(), PollFlags::empty())];
        let polled = poll(&mut polled, PollTimeout::ZERO).map(|_| polled[0].revents());
        matches!(polled, Ok(Some(events)) if !events.contains(PollFlags::POLLERR))
        // EXERCISE_END: 01.3
    }
}

/// `umount2(path, MNT_FORCE | MNT_DETACH)`
///
/// By now nobody will answer any request. MNT_FORCE therefore aborts the connection first: waiting
/// clients get ECONNABORTED, and a read of the device gets ENODEV. MNT_DETACH takes the mount out of sight
/// even while a client stands inside.
// ANCHOR: detach
fn detach(path: &Path) -> io::Result<()> {
    Ok(umount2(path, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH)?)
}
// ANCHOR_END: detach

/// The real path of `dir`, absolute and without symbolic links, as the kernel will list it, if nothing
/// is mounted there. Whether it is a directory is for mount(2) to say.
///
/// # Errors
///
/// It cannot be resolved: it is missing, or its path leads through what is no directory, or through a
/// FUSE mount whose server is gone. Such an error names `dir` as it was given. Or something is mounted
/// there already, dead or alive: that one names the real path.
pub fn fit_mount_point(dir: &Path) -> Result<PathBuf, MountError> {
    // EXERCISE: 01.2
    let path = dir
        .canonicalize()
        .map_err(|e| MountError { dir: dir.to_owned(), why: why(errno_of(&e)) })?;
    match listed(&path)? {
        Some(other) => Err(MountError { dir: path, why: Why::Busy(other) }),
        None => Ok(path),
    }
    // EXERCISE_END: 01.2
}

fn listed(path: &Path) -> Result<Option<Mounted>, MountError> {
    mounted_on(path).map_err(|e| MountError { dir: path.to_owned(), why: Why::Other(errno_of(&e)) })
}

/// Why [`Mount::new`] failed, and what mends it.
#[derive(Debug)]
pub struct MountError {
    dir: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    NotPermitted,
    Missing,
    NotADirectory,
    Nothing,
    /// A FUSE mount whose server died.
    Dead,
    Busy(Mounted),
    Other(Errno),
}

fn errno_of(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

fn why(errno: Errno) -> Why {
    match errno {
        Errno::EPERM => Why::NotPermitted,
        Errno::ENOENT => Why::Missing,
        Errno::ENOTDIR => Why::NotADirectory,
        ENOTCONN | ECONNREFUSED => Why::Dead,
        other => Why::Other(other),
    }
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dir = self.dir.display();
        write!(f, "cannot mount on {dir}: ")?;
        match &self.why {
            Why::NotPermitted => {
                write!(f, "mount(2) is for root (CAP_SYS_ADMIN).\nRun it as root: sudo …")
            }
            Why::Missing => write!(f, "there is no such directory.\nMake it: mkdir -p {dir}"),
            Why::NotADirectory => {
                write!(f, "it is not a directory.\nGive an empty directory instead.")
            }
            Why::Nothing => write!(f, "nothing is mounted there, though it was said to be."),
            Why::Dead => write!(
                f,
                "a FUSE file system whose server is gone is still mounted there.\nUnmount it: sudo umount -l {dir}"
            ),
            Why::Busy(other) => {
                // The server of a FUSE mount may be gone, and then it takes -l.
                let lazily = if other.fs_type.starts_with("fuse") { "-l " } else { "" };
                let Mounted { source, fs_type, .. } = other;
                writeln!(f, "{source} (type {fs_type}) is mounted there already.")?;
                write!(f, "Unmount it: sudo umount {lazily}{dir}")
            }
            Why::Other(errno) => write!(f, "{} ({errno:?}).", errno.desc()),
        }
    }
}

impl std::error::Error for MountError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_names_its_remedy() {
        let say = |why| MountError { dir: "/tmp/m".into(), why }.to_string();
        for (errno, remedy) in [
            (Errno::EPERM, "sudo …"),
            (Errno::ENOENT, "mkdir -p /tmp/m"),
            (Errno::ENOTDIR, "Give an empty directory instead."),
            (ENOTCONN, "sudo umount -l /tmp/m"),
            (ECONNREFUSED, "sudo umount -l /tmp/m"),
            (Errno::EINVAL, "Invalid argument (EINVAL)."),
        ] {
            let text = say(why(errno));
            assert!(text.starts_with("cannot mount on /tmp/m: "), "{text}");
            assert!(text.ends_with(remedy), "{text}");
        }
        let other =
            Mounted { device_number: "0:9".into(), fs_type: "fuse".into(), source: "hello".into() };
        assert_eq!(
            say(Why::Busy(other)),
            "cannot mount on /tmp/m: hello (type fuse) is mounted there already.\nUnmount it: sudo umount -l /tmp/m"
        );
    }

    #[test]
    fn an_unfit_directory_is_told_before_the_kernel_is_asked() {
        let why = |dir: &str| fit_mount_point(dir.as_ref()).expect_err(dir).why;
        for dir in ["/no/such/place", "/proc/self/stat/x", "/proc", "/proc/self/root/proc"] {
            let why = why(dir);
            let right = match dir {
                "/no/such/place" => matches!(why, Why::Missing),
                "/proc/self/stat/x" => matches!(why, Why::NotADirectory),
                // The last leads to it by a symbolic link.
                _ => matches!(&why, Why::Busy(proc) if proc.fs_type == "proc"),
            };
            assert!(right, "of {dir} it says {why:?}");
        }
    }

    #[test]
    fn a_fit_directory_is_known_by_its_real_path() {
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert_eq!(fit_mount_point("src".as_ref()).unwrap(), here.join("src"));
        assert_eq!(fit_mount_point("/proc/self/cwd".as_ref()).unwrap(), here, "a symbolic link");
    }
}
