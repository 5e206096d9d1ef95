//! A file whose bytes come from a socket: each who opens it gets a connection of their own, and READs are
//! spliced from it. `cargo run -p fuse714 --example socket SOCKET MOUNTPOINT`, then `cat MOUNTPOINT/stream`.

use std::collections::HashMap;
use std::env::args_os;
use std::error::Error;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fuse714::abi::*;
use fuse714::{Data, Dirents, Errno, Files, Filesystem, MountOptions, ServeOptions, libc};

const STREAM: u64 = 2;

struct Streams {
    path: PathBuf,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<OwnedFd>>>,
}

impl Streams {
    fn open_ones(&self) -> MutexGuard<'_, HashMap<u64, Arc<OwnedFd>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn attr(ino: u64) -> Attr {
    // How many bytes will come nobody knows: the size is 0.
    let mode = if ino == STREAM { libc::S_IFREG | 0o444 } else { libc::S_IFDIR | 0o555 };
    Attr { ino, mode, nlink: 1, ..Attr::default() }
}

impl Filesystem for Streams {
    fn lookup(&self, _: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        let entry = EntryOut { nodeid: STREAM, attr: attr(STREAM), ..EntryOut::default() };
        if name == "stream" { Ok(entry) } else { Err(Errno::ENOENT) }
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        Ok(AttrOut { attr: attr(header.nodeid), ..AttrOut::default() })
    }

    fn open(&self, _: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        let stream = UnixStream::connect(&self.path)
            .map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
        let fh = self.next.fetch_add(1, Ordering::Relaxed);
        self.open_ones().insert(fh, Arc::new(stream.into()));
        // No cache, in which a file of size 0 has no bytes; and no offsets, since what is read is gone.
        let open_flags = OpenReplyFlags::DIRECT_IO | OpenReplyFlags::NONSEEKABLE;
        Ok(OpenOut { fh, open_flags, ..OpenOut::default() })
    }

    fn read(&self, _: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        let fd = self.open_ones().get(&arg.fh).cloned().ok_or(Errno::EBADF)?;
        Ok(Data::From { fd, offset: None, len: arg.size as usize })
    }

    fn release(&self, _: &InHeader, arg: &ReleaseIn) -> Result<(), Errno> {
        self.open_ones().remove(&arg.fh);
        Ok(())
    }

    fn readdir(&self, _: &InHeader, arg: &ReadIn, told: &mut Dirents) -> Result<(), Errno> {
        if arg.offset == 0 {
            let _fits = told.push(STREAM, 1, libc::DT_REG.into(), OsStr::new("stream"));
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (Some(path), Some(dir)) = (args_os().nth(1), args_os().nth(2)) else {
        return Err("usage: socket SOCKET MOUNTPOINT".into());
    };
    let streams = Streams { path: path.into(), next: AtomicU64::new(1), open: Mutex::default() };
    let options = MountOptions { source: "socket".into(), read_only: true, ..Default::default() };
    let mounted = fuse714::mount(&dir, &options)?;
    println!("Mounted. Read the stream: cat {}/stream", mounted.path().display());
    let served = mounted.serve(&ServeOptions::default(), &Files(streams))?;
    println!("Unmounted. Answers: {}.", served.counts());
    Ok(())
}
