//! The answers, byte for byte, without a kernel.

use step02_wire::abi::*;
use step02_wire::{Opcode, dirents};
use zerocopy::FromBytes;

use super::*;

const UNIQUE: u64 = 0x1122_3344;

fn request(opcode: u32, node: u64, body: &[u8]) -> Vec<u8> {
    let len = (InHeader::SIZE + body.len()) as u32;
    let header = InHeader { len, opcode, unique: UNIQUE, nodeid: node, ..InHeader::default() };
    [header.as_bytes(), body].concat()
}

/// The answer to a request: its errno (0 if it went well) and its body.
fn ask(opcode: Opcode, node: u64, body: &[u8]) -> (i32, Vec<u8>) {
    let reply = answer(&request(opcode as u32, node, body)).expect("an answer");
    let (header, body) = OutHeader::read_from_prefix(&reply).unwrap();
    assert_eq!(header.len as usize, reply.len());
    assert_eq!(header.unique, UNIQUE);
    (-header.error, body.to_vec())
}

fn ask_for<T: FromBytes>(opcode: Opcode, node: u64, body: &[u8]) -> T {
    let (error, body) = ask(opcode, node, body);
    assert_eq!(error, 0, "{opcode}");
    T::read_from_bytes(&body).unwrap_or_else(|_| panic!("{opcode}: a body of {} bytes", body.len()))
}

/// Attributes as a line: the mode in octal, as stat(1) has it.
fn shown(attr: &Attr) -> String {
    let Attr { ino, mode, nlink, size, blocks, uid, gid, .. } = *attr;
    assert_eq!([attr.atime, attr.mtime, attr.ctime], [BIRTHDAY; 3], "atime, mtime, ctime");
    format!(
        "ino {ino}, mode {mode:o}, nlink {nlink}, size {size}, blocks {blocks}, owner {uid}:{gid}"
    )
}

#[test]
fn lookup_finds_one_name_in_one_directory() {
    let found: EntryOut = ask_for(Opcode::Lookup, ROOT_ID, b"hello.txt\0");
    assert_eq!((found.nodeid, found.generation), (2, 0), "nodeid, generation");
    assert_eq!((found.entry_valid, found.attr_valid), (VALID, VALID), "entry_valid, attr_valid");
    let size = HELLO.len();
    let blocks = size.div_ceil(512);
    let file = format!("ino 2, mode 100444, nlink 1, size {size}, blocks {blocks}, owner 0:0");
    assert_eq!(shown(&found.attr), file);
    assert_eq!(ask(Opcode::Lookup, ROOT_ID, b"other\0"), (libc::ENOENT, vec![]));
    assert_eq!(ask(Opcode::Lookup, HELLO_ID, b"hello.txt\0"), (libc::ENOENT, vec![]));
}

#[test]
fn getattr_tells_a_directory_from_a_file() {
    let arg = GetattrIn::default();
    let root: AttrOut = ask_for(Opcode::Getattr, ROOT_ID, arg.as_bytes());
    assert_eq!(shown(&root.attr), "ino 1, mode 40555, nlink 2, size 0, blocks 0, owner 0:0");
    let file: AttrOut = ask_for(Opcode::Getattr, HELLO_ID, arg.as_bytes());
    let size = HELLO.len();
    let blocks = size.div_ceil(512);
    let told = format!("ino 2, mode 100444, nlink 1, size {size}, blocks {blocks}, owner 0:0");
    assert_eq!(shown(&file.attr), told);
}

fn list(offset: u64, size: u32) -> Vec<(String, u64)> {
    let arg = ReadIn { offset, size, ..ReadIn::default() };
    let (error, body) = ask(Opcode::Readdir, ROOT_ID, arg.as_bytes());
    assert_eq!(error, 0);
    assert!(body.len() <= size as usize);
    dirents(&body).map(|(entry, name)| (name.to_str().unwrap().to_owned(), entry.off)).collect()
}

#[test]
fn readdir_goes_on_where_the_last_entry_says() {
    let all = list(0, 4096);
    assert_eq!(all, [(".".into(), 1), ("..".into(), 2), ("hello.txt".into(), 3)]);
    // Room for one entry at a time, as a client with a tiny buffer has it.
    for (at, entry) in all.iter().enumerate() {
        assert_eq!(list(at as u64, 40)[0], *entry);
    }
    assert_eq!(list(3, 4096), []);
    assert_eq!(list(u64::MAX, 4096), []);
    assert_eq!(list(0, 10), [], "no entry fits");
}

#[test]
fn read_gives_what_is_there() {
    let read = |offset, size| {
        let arg = ReadIn { offset, size, ..ReadIn::default() };
        ask(Opcode::Read, HELLO_ID, arg.as_bytes())
    };
    assert_eq!(read(0, 4096), (0, HELLO.to_vec()));
    assert_eq!(read(6, 4), (0, HELLO[6..10].to_vec()));
    assert_eq!(read(HELLO.len() as u64, 4096), (0, vec![]));
    assert_eq!(read(u64::MAX, u32::MAX), (0, vec![]));
}

#[test]
fn open_is_for_reading_only() {
    let open = |flags: i32| {
        let arg = OpenIn { flags: flags as u32, ..OpenIn::default() };
        ask(Opcode::Open, HELLO_ID, arg.as_bytes()).0
    };
    assert_eq!(open(libc::O_RDONLY | libc::O_CLOEXEC), 0);
    assert_eq!(open(libc::O_WRONLY), libc::EROFS);
    assert_eq!(open(libc::O_RDWR), libc::EROFS);
    let _: OpenOut = ask_for(Opcode::Opendir, ROOT_ID, OpenIn::default().as_bytes());
}

#[test]
fn access_to_write_is_refused() {
    let access = |mask: i32| {
        let arg = AccessIn { mask: mask as u32, ..AccessIn::default() };
        ask(Opcode::Access, ROOT_ID, arg.as_bytes()).0
    };
    assert_eq!(access(libc::R_OK | libc::X_OK), 0);
    assert_eq!(access(libc::R_OK | libc::W_OK), libc::EROFS);
}

#[test]
fn statfs_has_the_size_of_7_14() {
    let out: StatfsOut = ask_for(Opcode::Statfs, ROOT_ID, &[]);
    let Kstatfs { blocks, bfree, bavail, files, ffree, bsize, namelen, frsize, .. } = out.st;
    assert_eq!((blocks, bfree, bavail), (1, 0, 0), "blocks, bfree, bavail");
    assert_eq!((files, ffree), (2, 0), "files, ffree");
    assert_eq!((bsize, frsize, namelen), (4096, 4096, 255), "bsize, frsize, namelen");
}

#[test]
fn the_quiet_ones_get_an_empty_answer() {
    for (opcode, body) in [
        (Opcode::Flush, FlushIn::default().as_bytes()),
        (Opcode::Release, ReleaseIn::default().as_bytes()),
        (Opcode::Releasedir, ReleaseIn::default().as_bytes()),
        (Opcode::Destroy, &[]),
    ] {
        assert_eq!(ask(opcode, HELLO_ID, body), (0, vec![]), "{opcode}");
    }
}

#[test]
fn forget_and_interrupt_get_none() {
    let forget = ForgetIn { nlookup: 1 };
    assert_eq!(answer(&request(Opcode::Forget as u32, HELLO_ID, forget.as_bytes())), None);
    let interrupt = InterruptIn { unique: 2 };
    assert_eq!(answer(&request(Opcode::Interrupt as u32, 0, interrupt.as_bytes())), None);
}

#[test]
fn the_rest_is_not_implemented() {
    assert_eq!(ask(Opcode::Unlink, ROOT_ID, b"hello.txt\0"), (libc::ENOSYS, vec![]));
    let fallocate = answer(&request(43, HELLO_ID, &[0; 32])).unwrap();
    assert_eq!(fallocate, encode::error(UNIQUE, Errno::ENOSYS));
}

#[test]
fn even_a_request_that_cannot_be_read_is_answered_once() {
    // A LOOKUP whose name has no end: its client waits all the same.
    let reply = answer(&request(Opcode::Lookup as u32, ROOT_ID, b"hello")).unwrap();
    assert_eq!(reply, encode::error(UNIQUE, Errno::EIO));
    // A FORGET that is cut: still no answer. Nor can one be given to a message without a header.
    assert_eq!(answer(&request(Opcode::Forget as u32, HELLO_ID, &[0; 4])), None);
    assert_eq!(answer(&[0; 7]), None);
}
