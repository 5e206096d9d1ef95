//! What stat(2) and statvfs(3) say, as the kernel wants it.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::stat::FileStat;
use nix::sys::statvfs::fstatvfs;
use step02_wire::abi::{Attr, Kstatfs};

/// `struct stat` → `struct fuse_attr`: each field goes to its namesake, and `padding` is 0.
///
/// The inode number is the source's own. Times before 1970 are negative, and go over with all their bits: the
/// kernel takes the seconds as signed. A device number is packed anew, by `rdev`.
pub fn attr(stat: &FileStat) -> Attr {
    // EXERCISE: 07.1
    Attr {
        ino: stat.st_ino,
        size: stat.st_size as u64,
        blocks: stat.st_blocks as u64,
        // Before 1970 they are negative: the kernel takes the field as signed.
        atime: stat.st_atime as u64,
        mtime: stat.st_mtime as u64,
        ctime: stat.st_ctime as u64,
        atimensec: stat.st_atime_nsec as u32,
        mtimensec: stat.st_mtime_nsec as u32,
        ctimensec: stat.st_ctime_nsec as u32,
        mode: stat.st_mode,
        nlink: stat.st_nlink as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
        rdev: rdev(stat.st_rdev),
        blksize: stat.st_blksize as u32,
        padding: 0,
    }
    // EXERCISE_END: 07.1
}

/// A device number as the kernel packs it into 32 bits (`new_encode_dev`, linux/kdev_t.h).
fn rdev(rdev: u64) -> u32 {
    let (major, minor) = (nix::libc::major(rdev), nix::libc::minor(rdev));
    minor & 0xff | major << 8 | (minor & !0xff) << 12
}

/// And back, for mknod(2).
pub fn device(rdev: u32) -> u64 {
    nix::libc::makedev(rdev >> 8 & 0xfff, rdev & 0xff | rdev >> 12 & 0xf_ff00)
}

/// `statvfs` → `struct fuse_kstatfs`
pub fn statfs(fd: impl AsFd) -> Result<Kstatfs, Errno> {
    let st = fstatvfs(fd)?;
    Ok(Kstatfs {
        blocks: st.blocks(),
        bfree: st.blocks_free(),
        bavail: st.blocks_available(),
        files: st.files(),
        ffree: st.files_free(),
        bsize: st.block_size() as u32,
        namelen: st.name_max() as u32,
        frsize: st.fragment_size() as u32,
        ..Kstatfs::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_number_survives_the_way_there_and_back() {
        for (major, minor) in [(1, 3), (8, 0), (259, 0x12345), (0xfff, 0xfffff)] {
            let number = nix::libc::makedev(major, minor);
            assert_eq!(device(rdev(number)), number, "{major}:{minor}");
        }
        assert_eq!(rdev(nix::libc::makedev(1, 3)), 0x103);
    }
}
