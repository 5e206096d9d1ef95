//! One directory, with a file for each source.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::fstat;
use step02_wire::Dirents;
use step02_wire::abi::*;
use step05_server::{Data, Filesystem};

/// What is shown.
pub struct Shelf(Vec<Source>);

struct Source {
    name: OsString,
    fd: Arc<OwnedFd>,
    kind: Kind,
}

enum Kind {
    File,
    /// A block device, of so many bytes. It is shown as a regular file: a block device the kernel
    /// would open by itself.
    Block(u64),
    /// A socket or a pipe.
    Stream,
}

/// The node of the first source. The root is 1.
const FIRST: u64 = 2;

impl Shelf {
    /// Opens all sources.
    pub fn of(paths: &[PathBuf]) -> anyhow::Result<Shelf> {
        let sources = paths.iter().map(|path| {
            Source::open(path).with_context(|| format!("cannot show {}", path.display()))
        });
        let sources: Vec<Source> = sources.collect::<Result<_, _>>()?;
        for (n, source) in sources.iter().enumerate() {
            let twice = sources[..n].iter().any(|other| other.name == source.name);
            ensure!(!twice, "two sources are called {}", source.name.display());
        }
        Ok(Shelf(sources))
    }

    fn source(&self, node: u64) -> Result<&Source, Errno> {
        let index = node.checked_sub(FIRST).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.0.get(index)).ok_or(Errno::ENOENT)
    }

    fn attr(&self, node: u64) -> Result<Attr, Errno> {
        if node == ROOT_ID {
            return Ok(Attr {
                ino: node,
                mode: libc::S_IFDIR | 0o555,
                nlink: 2,
                ..Attr::default()
            });
        }
        let size = match self.source(node)? {
            Source { kind: Kind::File, fd, .. } => fstat(fd)?.st_size as u64,
            Source { kind: Kind::Block(size), .. } => *size,
            Source { kind: Kind::Stream, .. } => 0,
        };
        let blocks = size.div_ceil(512);
        let mode = libc::S_IFREG | 0o444;
        Ok(Attr { ino: node, mode, nlink: 1, size, blocks, ..Attr::default() })
    }
}

impl Source {
    fn open(path: &Path) -> anyhow::Result<Source> {
        let name = path.file_name().context("it has no name")?.to_owned();
        let file_type = path.metadata()?.file_type();
        let (fd, kind): (OwnedFd, Kind) = if file_type.is_file() {
            (File::open(path)?.into(), Kind::File)
        } else if file_type.is_block_device() {
            let mut device = File::open(path)?;
            let size = device.seek(SeekFrom::End(0))?;
            (device.into(), Kind::Block(size))
        } else if file_type.is_socket() {
            (UnixStream::connect(path)?.into(), Kind::Stream)
        } else if file_type.is_fifo() {
            // For writing, too: otherwise it would be at its end before, and between, its writers.
            let both = File::options().read(true).write(true).open(path)?;
            (both.into(), Kind::Stream)
        } else {
            bail!("it is no file, block device, socket or named pipe");
        };
        Ok(Source { name, fd: Arc::new(fd), kind })
    }
}

impl Filesystem for Shelf {
    fn lookup(&self, header: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        let index = self.0.iter().position(|source| source.name == name);
        let nodeid = match index {
            Some(index) if header.nodeid == ROOT_ID => FIRST + index as u64,
            _ => return Err(Errno::ENOENT),
        };
        // Valid for no time at all: a source may grow, and the kernel shall ask.
        Ok(EntryOut { nodeid, attr: self.attr(nodeid)?, ..EntryOut::default() })
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        Ok(AttrOut { attr: self.attr(header.nodeid)?, ..AttrOut::default() })
    }

    // ANCHOR: open
    fn open(&self, header: &InHeader, arg: &OpenIn) -> Result<OpenOut, Errno> {
        if arg.flags & libc::O_ACCMODE as u32 != libc::O_RDONLY as u32 {
            return Err(Errno::EROFS);
        }
        let open_flags = match self.source(header.nodeid)?.kind {
            // No cache: a cached file of size 0 has no bytes. No offsets: what is read is gone.
            Kind::Stream => OpenReplyFlags::DIRECT_IO | OpenReplyFlags::NONSEEKABLE,
            _ => OpenReplyFlags::empty(),
        };
        Ok(OpenOut { open_flags, ..OpenOut::default() })
    }
    // ANCHOR_END: open

    // ANCHOR: read
    fn read(&self, header: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        let source = self.source(header.nodeid)?;
        let offset = match source.kind {
            Kind::Stream => None,
            _ => Some(arg.offset),
        };
        Ok(Data::From { fd: Arc::clone(&source.fd), offset, len: arg.size as usize })
    }
    // ANCHOR_END: read

    fn readdir(&self, _: &InHeader, arg: &ReadIn, told: &mut Dirents) -> Result<(), Errno> {
        let dots = [(ROOT_ID, OsStr::new(".")), (ROOT_ID, OsStr::new(".."))];
        let sources = (FIRST..).zip(self.0.iter().map(|source| source.name.as_os_str()));
        let entries = dots.into_iter().chain(sources).zip(1..);
        for ((node, name), next) in entries.skip(arg.offset.try_into().unwrap_or(usize::MAX)) {
            let kind = if node == ROOT_ID { libc::DT_DIR } else { libc::DT_REG };
            if !told.push(node, next, kind.into(), name) {
                break;
            }
        }
        Ok(())
    }
}
