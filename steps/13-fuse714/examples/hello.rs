//! The smallest file system: `cargo run -p fuse714 --example hello MOUNTPOINT`
use fuse714::{Data, Dirents, Errno, Files, Filesystem, abi::*, libc};
use std::ffi::OsStr;

const HELLO: &[u8] = b"Hello from user space!\n";
struct Hello;

fn attr(ino: u64) -> Attr {
    let (mode, size) = match ino {
        ROOT_ID => (libc::S_IFDIR | 0o555, 0),
        _ => (libc::S_IFREG | 0o444, HELLO.len() as u64),
    };
    Attr { ino, mode, size, nlink: 1, ..Attr::default() }
}

impl Filesystem for Hello {
    fn lookup(&self, _: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        let entry = EntryOut { nodeid: 2, attr: attr(2), ..EntryOut::default() };
        if name == "hello.txt" { Ok(entry) } else { Err(Errno::ENOENT) }
    }
    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        Ok(AttrOut { attr: attr(header.nodeid), ..AttrOut::default() })
    }
    fn read(&self, _: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        let rest = HELLO.iter().skip(arg.offset as usize).take(arg.size as usize);
        Ok(Data::Bytes(rest.copied().collect()))
    }
    fn readdir(&self, _: &InHeader, arg: &ReadIn, told: &mut Dirents) -> Result<(), Errno> {
        if arg.offset == 0 {
            let _fits = told.push(2, 1, libc::DT_REG.into(), OsStr::new("hello.txt"));
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dir = std::env::args_os().nth(1).ok_or("usage: hello MOUNTPOINT")?;
    fuse714::mount(&dir, &Default::default())?.serve(&Default::default(), &Files(Hello))?;
    Ok(())
}
