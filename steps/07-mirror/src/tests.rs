//! The mirror without a kernel, over a directory of its own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use nix::errno::Errno;
use step02_wire::abi::*;
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
    assert!(mirror.getattr(&about(file.nodeid), &GetattrIn::default()).is_ok(), "one is out");
    mirror.forget(&about(file.nodeid), u64::MAX);
    mirror.forget(&about(link.nodeid), 1);
    mirror.forget(&about(ROOT_ID), 9);
    assert_eq!(mirror.counters(), Counters { nodes: 1, handles: 0 });
    let read = mirror.read(&about(file.nodeid), &ReadIn { fh, ..ReadIn::default() });
    assert_eq!(read.unwrap_err(), Errno::EBADF);
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
