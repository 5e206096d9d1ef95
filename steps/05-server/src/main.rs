//! Hello again: the file system of step 04, and nothing but the file system.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::Parser;
use nix::errno::Errno;
use nix::libc;
use step02_wire::abi::*;
use step02_wire::{Dirents, TraceStyle};
use step03_handshake::Wishes;
use step05_server::{Data, Files, Filesystem, Session};

const HELLO: &[u8] = b"Hello from user space!\n";
const HELLO_ID: u64 = 2;
const BIRTHDAY: u64 = 1_274_745_600; // 25 May 2010, the day of protocol 7.14
const VALID: u64 = 3600; // in seconds: nothing here ever changes

/// Step 05: hello again, on a server that is a library. Try `ls` and `cat`; Ctrl-C unmounts.
#[derive(Parser)]
struct Arguments {
    /// An empty directory to mount on.
    mountpoint: PathBuf,
    /// Print the conversation on stderr; STYLE is raw, stable (requests numbered from 1) or bytes.
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, default_missing_value = "raw")]
    trace: Option<TraceStyle>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let session = Session::mount(&arguments.mountpoint, "step05-server", &[], arguments.trace)?;
    let path = session.path().display();
    println!("Mounted. Look inside from another terminal: ls {path}; cat {path}/hello.txt");
    session.serve(&Wishes::default(), &Files(Hello))?;
    println!("Unmounted.");
    Ok(())
}

struct Hello;

// ANCHOR: hello
impl Filesystem for Hello {
    fn lookup(&self, header: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        if header.nodeid != ROOT_ID || name != "hello.txt" {
            return Err(Errno::ENOENT);
        }
        let attr = attributes(HELLO_ID);
        Ok(EntryOut {
            nodeid: HELLO_ID,
            entry_valid: VALID,
            attr_valid: VALID,
            attr,
            ..EntryOut::default()
        })
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        Ok(AttrOut { attr_valid: VALID, attr: attributes(header.nodeid), ..AttrOut::default() })
    }

    fn open(&self, _: &InHeader, arg: &OpenIn) -> Result<OpenOut, Errno> {
        let reads = arg.flags & libc::O_ACCMODE as u32 == libc::O_RDONLY as u32;
        if reads { Ok(OpenOut::default()) } else { Err(Errno::EROFS) }
    }

    fn read(&self, _: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        let from_offset = HELLO.iter().skip(arg.offset.try_into().unwrap_or(usize::MAX));
        Ok(Data::Bytes(from_offset.take(arg.size as usize).copied().collect()))
    }

    fn readdir(&self, _: &InHeader, arg: &ReadIn, listing: &mut Dirents) -> Result<(), Errno> {
        let entries =
            [(ROOT_ID, "."), (ROOT_ID, ".."), (HELLO_ID, "hello.txt")].into_iter().zip(1..);
        for ((node, name), next) in entries.skip(arg.offset.try_into().unwrap_or(usize::MAX)) {
            if !listing.push(node, next, attributes(node).mode >> 12, OsStr::new(name)) {
                break;
            }
        }
        Ok(())
    }
}
// ANCHOR_END: hello

fn attributes(node: u64) -> Attr {
    let (mode, nlink, size) = match node {
        ROOT_ID => (libc::S_IFDIR | 0o555, 2, 0),
        _ => (libc::S_IFREG | 0o444, 1, HELLO.len() as u64),
    };
    let (atime, mtime, ctime) = (BIRTHDAY, BIRTHDAY, BIRTHDAY);
    Attr {
        ino: node,
        mode,
        nlink,
        size,
        blocks: size.div_ceil(512),
        atime,
        mtime,
        ctime,
        ..Attr::default()
    }
}
