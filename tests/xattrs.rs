//! Extended attributes, for which neither the standard library nor nix has calls.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

fn c(path: &Path, name: &str) -> (CString, CString) {
    (CString::new(path.as_os_str().as_bytes()).unwrap(), CString::new(name).unwrap())
}

/// setxattr(2)
pub fn set(path: &Path, name: &str, value: &[u8], flags: i32) -> Result<(), Errno> {
    let (path, name) = c(path, name);
    let (value, length) = (value.as_ptr().cast(), value.len());
    // SAFETY: two C strings, and `length` bytes to read, all of which outlive the call.
    let done = unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), value, length, flags) };
    Errno::result(done).map(drop)
}

/// getxattr(2) into `room` bytes; without room, as many zeros as the value is long.
pub fn get(path: &Path, name: &str, room: usize) -> Result<Vec<u8>, Errno> {
    let (path, name) = c(path, name);
    let mut value = vec![0; room];
    // SAFETY: two C strings, and `room` bytes to write, all of which outlive the call.
    let length = Errno::result(unsafe {
        libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), room)
    })?;
    value.resize(length as usize, 0);
    Ok(value)
}

/// listxattr(2): the names.
pub fn list(path: &Path) -> Result<Vec<String>, Errno> {
    let (path, _) = c(path, "");
    let mut names = vec![0_u8; 4096];
    // SAFETY: a C string, and 4096 bytes to write, both of which outlive the call.
    let length = Errno::result(unsafe {
        libc::listxattr(path.as_ptr(), names.as_mut_ptr().cast(), names.len())
    })?;
    let names = names[..length as usize].split(|byte| *byte == 0);
    Ok(names.filter(|name| !name.is_empty()).map(|n| String::from_utf8_lossy(n).into()).collect())
}

/// removexattr(2)
pub fn remove(path: &Path, name: &str) -> Result<(), Errno> {
    let (path, name) = c(path, name);
    // SAFETY: two C strings, which outlive the call.
    Errno::result(unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) }).map(drop)
}
