//! The mirror without a kernel, over a directory of its own.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::{Duration, UNIX_EPOCH};

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, chown, mkfifo};
use step02_wire::abi::*;
use step02_wire::{Dirents, dirents};
use step05_server::Filesystem;

use crate::{Counters, Mirror, SourceError, mount_options};

fn about(nodeid: u64) -> InHeader {
    InHeader { nodeid, ..InHeader::default() }
}

#[test]
fn no_name_leads_out_and_two_names_of_a_file_are_one_node() {
    let dir = tempfile::tempdir().unwrap();
    let (source, outside) = (dir.path().join("source"), dir.path().join("outside"));
    fs::create_dir(&source).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(source.join("a"), "text").unwrap();
    fs::hard_link(source.join("a"), source.join("b")).unwrap();
    symlink("../outside", source.join("out")).unwrap();
    let mirror = Mirror::open(&source, &outside, Duration::ZERO).unwrap();
    let lookup = |name: &str| mirror.lookup(&about(ROOT_ID), OsStr::new(name));

    for name in ["", ".", "..", "../outside", "out/..", "/"] {
        assert_eq!(lookup(name).unwrap_err(), Errno::EINVAL, "{name:?}");
        assert_eq!(mirror.unlink(&about(ROOT_ID), OsStr::new(name)), Err(Errno::EINVAL));
    }
    // A symbolic link is a node, and no way.
    let link = lookup("out").unwrap();
    assert_eq!(mirror.readlink(&about(link.nodeid)), Ok(b"../outside".to_vec()));
    assert_eq!(mirror.open(&about(link.nodeid), &OpenIn::default()).unwrap_err(), Errno::EINVAL);

    let file = lookup("a").unwrap();
    assert_eq!(lookup("b").unwrap().nodeid, file.nodeid);
    // Renamed behind our back, it is still the same file.
    fs::rename(source.join("a"), outside.join("gone")).unwrap();
    let fh = mirror.open(&about(file.nodeid), &OpenIn::default()).unwrap().fh;
    assert_eq!(mirror.counters(), Counters { nodes: 3, handles: 1 });
    mirror.release(&about(file.nodeid), &ReleaseIn { fh, ..ReleaseIn::default() }).unwrap();
    mirror.forget(&about(file.nodeid), 1);
    let still = mirror.getattr(&about(file.nodeid), &GetattrIn::default());
    assert_eq!(still.err(), None, "of two references one is left, so the node must stay");
    mirror.forget(&about(file.nodeid), u64::MAX);
    mirror.forget(&about(link.nodeid), 1);
    mirror.forget(&about(ROOT_ID), 9);
    assert_eq!(mirror.counters(), Counters { nodes: 1, handles: 0 });
    let again = lookup("out").unwrap();
    assert_ne!(again.nodeid, link.nodeid, "what was forgotten is a new node");
    assert_eq!(mirror.readlink(&about(again.nodeid)), Ok(b"../outside".to_vec()));
    let read = mirror.read(&about(file.nodeid), &ReadIn { fh, ..ReadIn::default() });
    assert_eq!(read.unwrap_err(), Errno::EBADF);
}

#[test]
fn what_the_source_says_of_a_file_is_what_the_kernel_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (source, elsewhere) = (dir.path().join("source"), dir.path().join("elsewhere"));
    fs::create_dir(&source).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    let path = source.join("file");
    fs::write(&path, vec![7; 12_345]).unwrap();
    fs::hard_link(&path, source.join("other")).unwrap();
    // So that user and group differ; only root may.
    let _ = chown(&path, Some(Uid::from_raw(12)), Some(Gid::from_raw(34)));
    fs::set_permissions(&path, Permissions::from_mode(0o4751)).unwrap();
    let times = FileTimes::new()
        .set_accessed(UNIX_EPOCH - Duration::from_millis(4_750))
        .set_modified(UNIX_EPOCH + Duration::from_millis(7_500));
    File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    let mirror = Mirror::open(&source, &elsewhere, Duration::ZERO).unwrap();
    let told = mirror.lookup(&about(ROOT_ID), OsStr::new("file")).unwrap().attr;
    let stat = fs::metadata(&path).unwrap();
    assert_eq!((stat.atime(), stat.atime_nsec()), (-5, 250_000_000));
    let expected = Attr {
        ino: stat.ino(),
        size: 12_345,
        blocks: stat.blocks(),
        atime: stat.atime() as u64,
        mtime: 7,
        ctime: stat.ctime() as u64,
        atimensec: 250_000_000,
        mtimensec: 500_000_000,
        ctimensec: stat.ctime_nsec() as u32,
        mode: libc::S_IFREG | 0o4751,
        nlink: 2,
        uid: stat.uid(),
        gid: stat.gid(),
        rdev: 0,
        blksize: stat.blksize() as u32,
        padding: 0,
    };
    // Field by field: of so many, those that are wrong.
    let (told, expected) = (format!("{told:#?}"), format!("{expected:#?}"));
    let fields = told.lines().zip(expected.lines());
    let wrong: Vec<_> = fields.filter(|(told, expected)| told != expected).collect();
    assert_eq!(wrong, [], "fields as they are told, and as they should be");
}

#[test]
fn a_listing_goes_on_from_any_entry() {
    let dir = tempfile::tempdir().unwrap();
    let (source, elsewhere) = (dir.path().join("source"), dir.path().join("elsewhere"));
    fs::create_dir(&source).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    for n in 0..200 {
        fs::write(source.join(format!("a name of some length {n}")), "").unwrap();
    }
    let mirror = Mirror::open(&source, &elsewhere, Duration::ZERO).unwrap();
    let fh = mirror.opendir(&about(ROOT_ID), &OpenIn::default()).unwrap().fh;
    // A READDIR with room for `size` bytes, from `offset` on: the names, and where the next one starts.
    let listed = |offset, size| {
        let mut told = Dirents::new(size);
        let arg = ReadIn { fh, offset, ..ReadIn::default() };
        mirror.readdir(&about(ROOT_ID), &arg, &mut told).unwrap();
        let bytes = told.as_bytes().to_vec();
        let entries: Vec<_> =
            dirents(&bytes).map(|(entry, name)| (entry.off, name.to_owned())).collect();
        entries
    };
    let all = listed(0, 1 << 20);
    assert_eq!(all.len(), 202);
    // Entry by entry, as the kernel goes on where it was.
    let (mut one_by_one, mut offset) = (vec![], 0);
    while let Some((next, name)) = listed(offset, 60).pop() {
        one_by_one.push((next, name));
        offset = next;
    }
    assert_eq!(one_by_one, all);
    // Forwards and backwards, as a client may with telldir and seekdir.
    for at in [150, 3, 77, 77, 0, 199] {
        assert_eq!(listed(all[at].0, 1 << 20), all[at + 1..], "behind {at}");
    }
}

#[test]
fn what_would_wait_or_deceive_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (source, elsewhere) = (dir.path().join("source"), dir.path().join("elsewhere"));
    fs::create_dir(&source).unwrap();
    fs::create_dir(&elsewhere).unwrap();
    mkfifo(&source.join("fifo"), Mode::S_IRWXU).unwrap();
    let mirror = Mirror::open(&source, &elsewhere, Duration::ZERO).unwrap();
    let fifo = mirror.lookup(&about(ROOT_ID), OsStr::new("fifo")).unwrap().nodeid;
    assert_eq!(mirror.open(&about(fifo), &OpenIn::default()).unwrap_err(), Errno::EINVAL);
    // An ACL that the kernel does not know of would be one that it does not check.
    let acl = OsStr::new("system.posix_acl_access");
    assert_eq!(mirror.getxattr(&about(ROOT_ID), acl).unwrap_err(), Errno::EOPNOTSUPP);
    let set = mirror.setxattr(&about(ROOT_ID), &SetxattrIn::default(), acl, b"");
    assert_eq!(set.unwrap_err(), Errno::EOPNOTSUPP);
    // Made behind the kernel's back, and seen by nobody who checks.
    fs::write(source.join("new"), "somebody's").unwrap();
    let create = CreateIn { flags: libc::O_RDWR as u32, ..CreateIn::default() };
    let created = mirror.create(&about(ROOT_ID), &create, OsStr::new("new"));
    assert_eq!(created.unwrap_err(), Errno::ESTALE);
    assert_eq!(mirror.counters().handles, 0);
}

#[test]
fn what_cannot_be_mirrored_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("below");
    fs::create_dir(&below).unwrap();
    symlink(&below, dir.path().join("way")).unwrap();
    for mountpoint in [dir.path(), &below, &dir.path().join("way")] {
        let refused = Mirror::open(dir.path(), mountpoint, Duration::ZERO).unwrap_err();
        assert!(matches!(refused, SourceError::Contains(_)), "{refused}");
    }
    assert!(Mirror::open(&below, dir.path(), Duration::ZERO).is_ok());
    assert!(mount_options(true, false).unwrap_err().to_string().contains("default_permissions"));
    assert_eq!(mount_options(true, true), Ok(vec!["default_permissions", "allow_other"]));
}
