//! The directory that is mirrored.

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{FileStat, Mode, fstat, stat};

use crate::nodes::path_of;

/// Opens it, as the node that the root will be.
pub fn open_source(source: &Path) -> Result<(OwnedFd, FileStat), SourceError> {
    let error = |errno| SourceError::Open(source.to_owned(), errno);
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let fd = open(source, flags, Mode::empty()).map_err(error)?;
    // Files will be opened by such paths.
    stat(&path_of(&fd)).map_err(|_| SourceError::NoProc)?;
    let stat = fstat(&fd).map_err(error)?;
    Ok((fd, stat))
}

/// Is the mount point the source, or somewhere below it?
///
/// A walk through the mirror would then come to the mirror itself, and the server would wait for its own
/// answer. Directories are compared by device and inode, so that neither a symbolic link nor a bind mount
/// hides it.
// ANCHOR: apart
pub fn check_apart(source: &FileStat, mountpoint: &Path) -> Result<(), SourceError> {
    let error = |errno| SourceError::Open(mountpoint.to_owned(), errno);
    let real = mountpoint
        .canonicalize()
        .map_err(|e| error(e.raw_os_error().map_or(Errno::EIO, Errno::from_raw)))?;
    for directory in real.ancestors() {
        let above = stat(directory).map_err(error)?;
        if (above.st_dev, above.st_ino) == (source.st_dev, source.st_ino) {
            return Err(SourceError::Contains(mountpoint.to_owned()));
        }
    }
    Ok(())
}
// ANCHOR_END: apart

/// Why a directory cannot be mirrored.
#[derive(Debug, PartialEq, Eq)]
pub enum SourceError {
    /// This directory cannot be opened.
    Open(PathBuf, Errno),
    /// The source contains this mount point.
    Contains(PathBuf),
    /// /proc is not mounted.
    NoProc,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceError::Open(path, Errno::ENOTDIR) => {
                write!(f, "{} is not a directory: only a directory can be mirrored", path.display())
            }
            SourceError::Open(path, errno) => {
                write!(f, "cannot open {}: {}", path.display(), errno.desc())
            }
            SourceError::Contains(mountpoint) => write!(
                f,
                "the mount point {} is inside the source: the mirror would contain itself, and this \
                 server would wait for its own answers. Mount it somewhere else",
                mountpoint.display()
            ),
            SourceError::NoProc => f.write_str(
                "/proc is not mounted, and files are opened by way of /proc/self/fd. Try: mount -t \
                 proc proc /proc",
            ),
        }
    }
}

impl std::error::Error for SourceError {}
