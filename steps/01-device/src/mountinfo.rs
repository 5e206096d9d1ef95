//! What is mounted where, from /proc/self/mountinfo (proc_pid_mountinfo(5)).

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// One mount, as far as we care.
#[derive(Debug, PartialEq, Eq)]
pub struct Mounted {
    /// `major:minor`. Each mounted FUSE file system has a number of its own.
    pub device_number: String,
    /// The file system's type: `fuse`, `ext4` …
    pub fs_type: String,
    /// What was mounted: the server's name, a block device …
    pub source: String,
}

/// The topmost mount on the directory `path` (absolute, without symbolic links), if there is one.
pub fn mounted_on(path: &Path) -> io::Result<Option<Mounted>> {
    Ok(topmost(&fs::read("/proc/self/mountinfo")?, path))
}

/// The last of the lines is the topmost mount.
fn topmost(mountinfo: &[u8], path: &Path) -> Option<Mounted> {
    let wanted = escaped(path.as_os_str());
    mountinfo.split(|&b| b == b'\n').filter_map(|line| parse(line, &wanted)).next_back()
}

/// What one line of mountinfo says of a mount on `wanted` (escaped, as the kernel writes it). `None`
/// for a line about another mount point, and for one with too few fields.
///
/// `42 27 0:39 / /tmp/m rw,relatime shared:7 - fuse hello rw,user_id=0,group_id=0`: a space between
/// two fields. The third is the device number, the fifth the mount point. After the sixth come
/// optional fields (here `shared:7`), none or several, and end at a lone `-`. Behind it stand the type
/// and the source. They are taken as they stand, but for bytes that are no UTF-8: those are replaced.
fn parse(line: &[u8], wanted: &[u8]) -> Option<Mounted> {
    // EXERCISE: 01.1
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let mut fields = line.split(|&b| b == b' ');
    let device_number = text(fields.nth(2)?);
    if fields.nth(1)? != wanted {
        return None;
    }
    fields.find(|field| *field == b"-")?;
    Some(Mounted { device_number, fs_type: text(fields.next()?), source: text(fields.next()?) })
    // EXERCISE_END: 01.1
}

/// The kernel writes white space and the backslash as three octal digits (`show_mountinfo`).
fn escaped(path: &OsStr) -> Vec<u8> {
    let mut out = Vec::new();
    for &byte in path.as_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => out.extend(format!("\\{byte:03o}").bytes()),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &[u8] = b"\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
42 22 0:39 / /tmp/m rw,relatime shared:7 master:1 - fuse below rw,user_id=0
43 42 0:40 / /tmp/m rw,nosuid - fuse above rw,user_id=0
44 22 0:41 / /tmp/a\\040b\\134c rw - fuse.sshfs host: rw
";

    #[test]
    fn the_topmost_mount_wins() {
        let found = topmost(MOUNTINFO, Path::new("/tmp/m")).unwrap();
        assert_eq!(
            (&*found.device_number, &*found.source),
            ("0:40", "above"),
            "the third line, which has no optional field"
        );
    }

    #[test]
    fn white_space_in_a_path_is_escaped() {
        let found = topmost(MOUNTINFO, Path::new("/tmp/a b\\c")).unwrap();
        assert_eq!((&*found.fs_type, &*found.source), ("fuse.sshfs", "host:"), "the last line");
    }

    #[test]
    fn a_directory_below_a_mount_is_not_a_mount() {
        assert_eq!(topmost(MOUNTINFO, Path::new("/tmp")), None);
        assert_eq!(topmost(b"garbage\n\n1 2", Path::new("/tmp")), None);
    }
}
