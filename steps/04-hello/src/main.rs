//! A file system by hand: a loop and a `match`. Every reply is one `write(2)`.
//!
//! It has a directory and one file in it, and nobody can change either.

#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use nix::errno::Errno;
use nix::libc;
use step01_device::{BUFFER_SIZE, Device, Mount, ReadFault, Signals};
use step02_wire::abi::{Attr, AttrOut, EntryOut, InHeader, Kstatfs, OpenOut, ROOT_ID, StatfsOut};
use step02_wire::{Dirents, Operation, TraceStyle, decode, encode};
use step03_handshake::{HandshakeError, TracedDevice, Wishes, handshake};
use zerocopy::IntoBytes;

/// What is in hello.txt. Change it, and see it change: `cargo xtask demo`.
const HELLO: &[u8] = b"Hello from user space!\n";

/// The file's node id. We choose it, and the kernel then names the file by it.
const HELLO_ID: u64 = 2;

/// When both were made: the day on which protocol 7.14 was.
const BIRTHDAY: u64 = 1_274_745_600; // 25 May 2010, in seconds since 1970

/// How long the kernel may remember what we told it, in seconds. Nothing here ever changes.
const VALID: u64 = 3600;

/// Step 04: a file system that says hello. Try `ls` and `cat` on it; Ctrl-C unmounts.
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
    let signals = Signals::block().context("cannot block signals")?;
    let device = Device::open()?;
    let mount = Mount::new(&device, &arguments.mountpoint, "step04-hello", &[])?;
    signals.unmount(&mount).context("cannot start the thread that waits for signals")?;
    let path = mount.path().display();
    println!("Mounted. Look inside from another terminal: ls {path}; cat {path}/hello.txt");

    let device = TracedDevice::new(device, arguments.trace);
    serve(&device)?;
    println!("Unmounted.");
    Ok(())
}

/// Answers requests until the file system is unmounted.
fn serve(device: &TracedDevice) -> anyhow::Result<()> {
    let mut buffer = vec![0; BUFFER_SIZE];
    match handshake(device, &mut buffer, &Wishes::default()) {
        Err(HandshakeError::Unmounted) => return Ok(()),
        other => other?,
    };
    // ANCHOR: loop
    loop {
        let request = match device.read_message(&mut buffer) {
            Ok(request) => request,
            Err(ReadFault::Again) => continue,
            Err(ReadFault::Unmounted) => return Ok(()),
            Err(fault) => return Err(fault.into()),
        };
        let Some(reply) = answer(request) else { continue };
        device.write_message(&reply).context("cannot answer a request")?;
    }
    // ANCHOR_END: loop
}

/// The reply to one request: one for each, except where the kernel wants none.
// ANCHOR: answer
fn answer(request: &[u8]) -> Option<Vec<u8>> {
    let (header, operation) = match decode(request) {
        Ok(decoded) => decoded,
        // Its client still waits.
        Err(malformed) => {
            return malformed.owed_answer().map(|unique| encode::error(unique, Errno::EIO));
        }
    };
    // FORGET must not be answered, and INTERRUPT need not: what it interrupts we have answered.
    if matches!(operation, Operation::Forget { .. } | Operation::Interrupt { .. }) {
        return None;
    }
    Some(match file_system(&header, &operation) {
        Ok(body) => encode::reply(header.unique, &body),
        Err(errno) => encode::error(header.unique, errno),
    })
}
// ANCHOR_END: answer

/// The whole file system: the body of each answer, or an error.
// ANCHOR: match
fn file_system(header: &InHeader, operation: &Operation) -> Result<Vec<u8>, Errno> {
    let node = header.nodeid;
    match operation {
        // Names. The kernel walks a path one name at a time, each in the directory found before.
        Operation::Lookup { name } if node == ROOT_ID && *name == "hello.txt" => {
            Ok(bytes(&entry(HELLO_ID)))
        }
        Operation::Lookup { .. } => Err(Errno::ENOENT),

        // Attributes.
        Operation::Getattr { .. } => {
            Ok(bytes(&AttrOut { attr_valid: VALID, attr: attributes(node), ..AttrOut::default() }))
        }
        Operation::Access { arg } if arg.mask & libc::W_OK as u32 != 0 => Err(Errno::EROFS),
        Operation::Access { .. } => Ok(vec![]),
        Operation::Statfs => Ok(bytes(&statistics())),

        // The directory.
        Operation::Opendir { .. } => Ok(bytes(&OpenOut::default())),
        Operation::Readdir { arg } => Ok(listing(arg.offset, arg.size as usize)),
        Operation::Releasedir { .. } => Ok(vec![]),

        // The file.
        Operation::Open { arg } if arg.flags & libc::O_ACCMODE as u32 != libc::O_RDONLY as u32 => {
            Err(Errno::EROFS)
        }
        Operation::Open { .. } => Ok(bytes(&OpenOut::default())),
        Operation::Read { arg } => Ok(part(HELLO, arg.offset, arg.size as usize).to_vec()),
        Operation::Flush { .. } | Operation::Release { .. } => Ok(vec![]),

        // The end. It comes only where a block device is mounted, but when it comes, it waits.
        Operation::Destroy => Ok(vec![]),

        // The rest, with what 7.14 does not know. The kernel remembers ENOSYS for some of them, and
        // does not ask again.
        _ => Err(Errno::ENOSYS),
    }
}
// ANCHOR_END: match

fn bytes(body: &(impl IntoBytes + zerocopy::Immutable)) -> Vec<u8> {
    body.as_bytes().to_vec()
}

/// What stat(2) shows of a node; its inode number is its id.
///
/// The root is a directory that all may read and enter (0555), with two links and size 0. Any other id is
/// taken for the file: a regular one that all may read (0444), with one link, as large as [`HELLO`]. The
/// space that a node takes is its size in blocks of 512 bytes, rounded up. All three times are
/// [`BIRTHDAY`]. The rest is 0, the owner too: root.
fn attributes(node: u64) -> Attr {
    // EXERCISE: 04.1
    let (mode, nlink, size) = match node {
        ROOT_ID => (libc::S_IFDIR | 0o555, 2, 0),
        _ => (libc::S_IFREG | 0o444, 1, HELLO.len() as u64),
    };
    let time = BIRTHDAY;
    Attr {
        ino: node,
        mode,
        nlink,
        size,
        blocks: size.div_ceil(512),
        atime: time,
        mtime: time,
        ctime: time,
        ..Attr::default()
    }
    // EXERCISE_END: 04.1
}

/// The answer to a LOOKUP that has found `node`: its id, its attributes, and that the kernel may remember
/// both the name and the attributes for as long as [`VALID`] says. No id is ever another node's, so the
/// generation is 0.
fn entry(node: u64) -> EntryOut {
    // EXERCISE: 04.2
    EntryOut {
        nodeid: node,
        entry_valid: VALID,
        attr_valid: VALID,
        attr: attributes(node),
        ..EntryOut::default()
    }
    // EXERCISE_END: 04.2
}

/// The answer to STATFS: one block of 4096 bytes, which is also the unit of counting (`frsize`) and the best
/// size for reads (`bsize`); two inodes; names of 255 bytes at most. No block and no inode is free.
fn statistics() -> StatfsOut {
    // EXERCISE: 04.3
    let block = 4096;
    StatfsOut {
        st: Kstatfs {
            blocks: 1,
            files: 2,
            bsize: block,
            frsize: block,
            namelen: 255,
            ..Kstatfs::default()
        },
    }
    // EXERCISE_END: 04.3
}

/// The entries from `offset` on, as many as fit. An entry's own offset is where the next one starts.
// ANCHOR: listing
fn listing(offset: u64, size: usize) -> Vec<u8> {
    let mut listing = Dirents::new(size);
    let entries = [(ROOT_ID, "."), (ROOT_ID, ".."), (HELLO_ID, "hello.txt")];
    for ((node, name), next) in
        entries.into_iter().zip(1..).skip(offset.try_into().unwrap_or(usize::MAX))
    {
        let kind = attributes(node).mode >> 12;
        if !listing.push(node, next, kind, OsStr::new(name)) {
            break;
        }
    }
    listing.into_bytes()
}
// ANCHOR_END: listing

/// At most `size` bytes from `offset` on. None: that is the end of the file.
fn part(content: &[u8], offset: u64, size: usize) -> &[u8] {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
    let end = start.saturating_add(size).min(content.len());
    &content[start..end]
}

#[cfg(test)]
mod tests;
