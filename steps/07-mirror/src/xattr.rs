//! Extended attributes, for which nix has no calls. All go by a path that leads to the file itself.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;

use nix::errno::Errno;
use nix::libc::{self, c_char, c_void};

/// `setxattr(path, name, value, size, flags)`
pub fn set(path: &Path, name: &OsStr, value: &[u8], flags: u32) -> Result<(), Errno> {
    let (path, name) = (c_string(path.as_os_str())?, c_string(offered(name)?)?);
    let (bytes, size) = (value.as_ptr().cast::<c_void>(), value.len());
    // SAFETY: two C strings, and `size` bytes to read; all of them outlive the call.
    let done = unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), bytes, size, flags as i32) };
    Errno::result(done).map(drop)
}

/// `getxattr(path, name, …)`: the whole value.
pub fn get(path: &Path, name: &OsStr) -> Result<Vec<u8>, Errno> {
    let (path, name) = (c_string(path.as_os_str())?, c_string(offered(name)?)?);
    // SAFETY: two C strings; and `whole` asks with room for the size that it gives.
    whole(|room, size| unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), room, size) })
}

/// `listxattr(path, …)`: the names, each with a NUL at its end. Without those that nobody can get.
pub fn list(path: &Path) -> Result<Vec<u8>, Errno> {
    let path = c_string(path.as_os_str())?;
    // SAFETY: a C string; and `whole` asks with room for the size that it gives.
    let names =
        whole(|room, size| unsafe { libc::listxattr(path.as_ptr(), room.cast::<c_char>(), size) })?;
    let names = names.split_inclusive(|byte| *byte == 0);
    Ok(names.filter(|name| offered(OsStr::from_bytes(name)).is_ok()).flatten().copied().collect())
}

/// `removexattr(path, name)`
pub fn remove(path: &Path, name: &OsStr) -> Result<(), Errno> {
    let (path, name) = (c_string(path.as_os_str())?, c_string(offered(name)?)?);
    // SAFETY: two C strings, which outlive the call.
    Errno::result(unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) }).map(drop)
}

/// # Errors
///
/// EOPNOTSUPP for ACLs. The kernel would not heed them here (that takes FUSE_POSIX_ACL, of 7.26): a mirror
/// that kept them all the same would look safer than it is.
fn offered(name: &OsStr) -> Result<&OsStr, Errno> {
    if name.as_bytes().starts_with(b"system.posix_acl_") {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok(name)
}

fn c_string(text: &OsStr) -> Result<CString, Errno> {
    CString::new(text.as_bytes()).map_err(|_| Errno::EINVAL)
}

/// Asks for the size, then for the bytes; and begins anew, if they grew in between. They may also have
/// shrunk: the result is as long as what came.
///
/// `ask(room, size)` is the system call. With a `size` of 0 it only tells how many bytes there are. Otherwise
/// it writes them to `room`, which has `size` bytes, and tells how many those were. -1: the errno says why.
///
/// # Errors
///
/// Whatever the call says, but for ERANGE where it was given room: that is too small by now.
fn whole(ask: impl Fn(*mut c_void, usize) -> isize) -> Result<Vec<u8>, Errno> {
    // EXERCISE: 07.3
    loop {
        let mut bytes = vec![0; Errno::result(ask(null_mut(), 0))? as usize];
        // Without room, the call would tell the size once more.
        if bytes.is_empty() {
            return Ok(bytes);
        }
        match Errno::result(ask(bytes.as_mut_ptr().cast(), bytes.len())) {
            Err(Errno::ERANGE) => continue,
            length => {
                bytes.truncate(length? as usize);
                return Ok(bytes);
            }
        }
    }
    // EXERCISE_END: 07.3
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Asks for an attribute that is another one at each call.
    fn asked(values: &[Result<&str, Errno>]) -> (Result<String, Errno>, usize) {
        let calls = Cell::new(0);
        let got = whole(|room, size| {
            let value = values[calls.replace(calls.get() + 1)];
            match value {
                Ok(value) if size == 0 => return value.len() as isize,
                Ok(value) if value.len() <= size => {
                    // SAFETY: `whole` gives room for `size` bytes, and the value has no more.
                    unsafe { room.cast::<u8>().copy_from(value.as_ptr(), value.len()) };
                    return value.len() as isize;
                }
                Ok(_) => Errno::ERANGE.set(),
                Err(errno) => errno.set(),
            }
            -1
        });
        (got.map(|bytes| String::from_utf8(bytes).unwrap()), calls.get())
    }

    #[test]
    fn a_value_may_change_between_two_calls() {
        let all = |value: &str, calls| (Ok(value.to_owned()), calls);
        assert_eq!(asked(&[Ok("blue"), Ok("blue")]), all("blue", 2));
        let grown = asked(&[Ok("blue"), Ok("ultramarine"), Ok("red"), Ok("red")]);
        assert_eq!(grown, all("red", 4), "it grew between two calls");
        let shrunk = asked(&[Ok("ultramarine"), Ok("red")]);
        assert_eq!(shrunk, all("red", 2), "it shrank between two calls");
        assert_eq!(asked(&[Ok("")]), all("", 1), "there is nothing to ask for");
        assert_eq!(asked(&[Err(Errno::ENODATA)]), (Err(Errno::ENODATA), 1));
        assert_eq!(asked(&[Ok("blue"), Err(Errno::ENODATA)]), (Err(Errno::ENODATA), 2));
    }
}
