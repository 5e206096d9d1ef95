//! A tar archive as a directory, to be read: `cargo run -p fuse714 --example tar ARCHIVE MOUNTPOINT`.
//!
//! Nothing is unpacked. A file in an archive is a range of the archive, so a READ is answered with that range,
//! and spliced straight from it.

mod index;

use std::env::args_os;
use std::error::Error;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use fuse714::abi::*;
use fuse714::{Data, Dirents, Errno, Files, Filesystem, MountOptions, ServeOptions, libc};

use crate::index::{Index, Kind, Node};

/// How long the kernel may trust what it was told, in seconds: an archive does not change.
const VALID: u64 = 3600;

struct Archive {
    file: Arc<OwnedFd>,
    index: Index,
}

impl Archive {
    fn node(&self, id: u64) -> Result<&Node, Errno> {
        let place = usize::try_from(id).ok().and_then(|id| id.checked_sub(1));
        place.and_then(|place| self.index.nodes.get(place)).ok_or(Errno::ENOENT)
    }

    fn attr(&self, id: u64) -> Result<Attr, Errno> {
        let Node { kind, permissions, uid, gid, mtime, .. } = self.node(id)?;
        let (kind, size) = match kind {
            Kind::Directory(_) => (libc::S_IFDIR, 0),
            Kind::File { size, .. } => (libc::S_IFREG, *size),
            Kind::Link(target) => (libc::S_IFLNK, target.len() as u64),
        };
        Ok(Attr {
            ino: id,
            mode: kind | permissions,
            nlink: 1,
            uid: *uid,
            gid: *gid,
            size,
            blocks: size.div_ceil(512),
            mtime: *mtime,
            ctime: *mtime,
            ..Attr::default()
        })
    }
}

impl Filesystem for Archive {
    fn lookup(&self, header: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        let Kind::Directory(names) = &self.node(header.nodeid)?.kind else {
            return Err(Errno::ENOTDIR);
        };
        let nodeid = *names.get(name.as_bytes()).ok_or(Errno::ENOENT)? as u64 + 1;
        let attr = self.attr(nodeid)?;
        Ok(EntryOut { nodeid, attr, entry_valid: VALID, attr_valid: VALID, ..EntryOut::default() })
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let attr = self.attr(header.nodeid)?;
        Ok(AttrOut { attr, attr_valid: VALID, ..AttrOut::default() })
    }

    fn readlink(&self, header: &InHeader) -> Result<Vec<u8>, Errno> {
        match &self.node(header.nodeid)?.kind {
            Kind::Link(target) => Ok(target.clone()),
            _ => Err(Errno::EINVAL),
        }
    }

    // ANCHOR: read
    fn read(&self, header: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        let Kind::File { start, size } = self.node(header.nodeid)?.kind else {
            return Err(Errno::EISDIR);
        };
        // Behind the file's last byte is the next file's header.
        let left = size.saturating_sub(arg.offset);
        let len = left.min(arg.size.into()) as usize;
        let offset = Some(start + arg.offset.min(size));
        Ok(Data::From { fd: Arc::clone(&self.file), offset, len })
    }
    // ANCHOR_END: read

    fn readdir(&self, header: &InHeader, arg: &ReadIn, told: &mut Dirents) -> Result<(), Errno> {
        let Kind::Directory(names) = &self.node(header.nodeid)?.kind else {
            return Err(Errno::ENOTDIR);
        };
        let skipped = usize::try_from(arg.offset).unwrap_or(usize::MAX);
        for ((name, place), next) in names.iter().zip(1..).skip(skipped) {
            let id = *place as u64 + 1;
            if !told.push(id, next, self.attr(id)?.mode >> 12, OsStr::from_bytes(name)) {
                break;
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (Some(path), Some(dir)) = (args_os().nth(1), args_os().nth(2)) else {
        return Err("usage: tar ARCHIVE MOUNTPOINT".into());
    };
    let path = Path::new(&path);
    let told = |error: &dyn Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|e| told(&e))?;
    let index = Index::of(&file).map_err(|e| told(&*e))?;
    let nodes = index.nodes.len();
    let archive = Archive { file: Arc::new(file.into()), index };

    let options = MountOptions {
        source: path.display().to_string(),
        subtype: Some("tar".into()),
        read_only: true,
        default_permissions: true,
        ..Default::default()
    };
    let mounted = fuse714::mount(&dir, &options)?;
    println!("Mounted, {nodes} nodes. Look inside: ls -lR {}", mounted.path().display());
    let served = mounted.serve(&ServeOptions::default(), &Files(archive))?;
    println!("Unmounted. Answers: {}.", served.counts());
    Ok(())
}
