//! How a mirror is mounted, and what its process needs.

use std::fmt;
use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// The mount options of a mirror (fuse(4)).
///
/// `default_permissions`: the kernel checks modes and owners, as for a disk. `allow_other`: users other
/// than the one who mounts may enter.
///
/// # Errors
///
/// [`Unchecked`], for others without checks.
pub fn mount_options(
    allow_other: bool,
    default_permissions: bool,
) -> Result<Vec<&'static str>, Unchecked> {
    match (allow_other, default_permissions) {
        (true, false) => Err(Unchecked),
        (true, true) => Ok(vec!["default_permissions", "allow_other"]),
        (false, true) => Ok(vec!["default_permissions"]),
        (false, false) => Ok(vec![]),
    }
}

/// Other users would be let in, and nobody would check what they do.
#[derive(Debug, PartialEq, Eq)]
pub struct Unchecked;

impl fmt::Display for Unchecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "allow_other needs default_permissions: this server opens files with its own rights, so \
             without the kernel's checks every user could read and write whatever the server can. Leave \
             one of the two options out",
        )
    }
}

impl std::error::Error for Unchecked {}

/// Raises the number of descriptors that this process may have to the most that it may ask for
/// (RLIMIT_NOFILE, setrlimit(2)), and returns it. Each node and each open file takes one.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}
