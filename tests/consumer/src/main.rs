//! A file that counts how often it was opened.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicU64, Ordering};

use fuse714::abi::*;
use fuse714::{Data, Errno, Files, Filesystem, MountOptions, ServeOptions, libc};

const COUNT: u64 = 2;

#[derive(Default)]
struct Count(AtomicU64);

fn attr(ino: u64) -> Attr {
    let kind = if ino == COUNT { libc::S_IFREG | 0o444 } else { libc::S_IFDIR | 0o555 };
    Attr { ino, mode: kind, nlink: 1, ..Attr::default() }
}

impl Filesystem for Count {
    fn lookup(&self, _: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        let entry = EntryOut { nodeid: COUNT, attr: attr(COUNT), ..EntryOut::default() };
        if name == "count" { Ok(entry) } else { Err(Errno::ENOENT) }
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        Ok(AttrOut { attr: attr(header.nodeid), ..AttrOut::default() })
    }

    fn open(&self, _: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        let fh = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(OpenOut { fh, open_flags: OpenReplyFlags::DIRECT_IO, ..OpenOut::default() })
    }

    fn read(&self, _: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        let text = format!("{}\n", arg.fh).into_bytes();
        let rest = text.into_iter().skip(arg.offset as usize);
        Ok(Data::Bytes(rest.take(arg.size as usize).collect()))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args_os().nth(1).ok_or("usage: consumer MOUNTPOINT")?;
    let mounted = fuse714::mount(dir, &MountOptions::default())?;
    println!("mounted");
    mounted.serve(&ServeOptions::default(), &Files(Count::default()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_who_opens_it_reads_the_next_number() {
        let count = Count::default();
        for expected in ["1\n", "2\n"] {
            let open = count.open(&InHeader::default(), &OpenIn::default()).unwrap();
            let read = ReadIn { fh: open.fh, size: 4096, ..ReadIn::default() };
            let data = count.read(&InHeader::default(), &read).unwrap();
            assert!(matches!(data, Data::Bytes(bytes) if bytes == expected.as_bytes()));
        }
    }
}
