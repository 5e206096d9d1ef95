//! The file system without a kernel: requests as bytes go in, answers as bytes come out.

use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;
use nix::libc;
use step02_wire::abi::*;
use step02_wire::{Opcode, decode, dirents};
use step05_server::{
    Answer, Data, Files, Handler, Message, Owed, ReplyPath, Request, body_of_the_answer,
};
use zerocopy::{FromBytes, IntoBytes};

use crate::{Counters, Memfs};

/// A reply path that keeps the answer.
#[derive(Default)]
struct Kept(Mutex<Option<Result<Vec<u8>, Errno>>>);

impl ReplyPath for Kept {
    fn send(&self, _: u64, reply: Result<&Answer, Errno>) -> io::Result<()> {
        let body = reply.map(|answer| match answer.data() {
            Data::Bytes(bytes) => bytes.clone(),
            Data::From { .. } => unreachable!("everything is in memory"),
        });
        assert!(self.0.lock().unwrap().replace(body).is_none(), "answered twice");
        Ok(())
    }
}

/// A kernel that asks as it likes: user 1000, group 1000.
struct Kernel {
    memfs: Files<Memfs>,
}

/// A file system with room for so many blocks.
fn kernel(blocks: u64) -> Kernel {
    Kernel { memfs: Files(Memfs::new(blocks * 4096)) }
}

impl Kernel {
    fn ask(&self, opcode: Opcode, nodeid: u64, body: &[&[u8]]) -> Result<Vec<u8>, Errno> {
        let body = body.concat();
        let len = (InHeader::SIZE + body.len()) as u32;
        let opcode = opcode as u32;
        let header =
            InHeader { len, opcode, unique: 1, nodeid, uid: 1000, gid: 1000, ..Default::default() };
        let bytes = [header.as_bytes(), &body].concat();
        let mut message = Message::in_memory(&bytes);
        let (header, operation) = decode(message.head).unwrap();
        let kept = Arc::new(Kept::default());
        let path: Arc<dyn ReplyPath> = Arc::clone(&kept) as Arc<dyn ReplyPath>;
        let owed = Owed::new(header.unique, body_of_the_answer(&operation), path);
        let request = Request { header: &header, operation, payload: &mut *message.payload };
        self.memfs.handle(request, owed);
        // FORGET gets none.
        kept.0.lock().unwrap().take().unwrap_or(Ok(Vec::new()))
    }

    fn entry(&self, opcode: Opcode, parent: u64, body: &[&[u8]]) -> Result<EntryOut, Errno> {
        Ok(EntryOut::read_from_prefix(&self.ask(opcode, parent, body)?).unwrap().0)
    }

    fn lookup(&self, parent: u64, name: &[u8]) -> Result<EntryOut, Errno> {
        self.entry(Opcode::Lookup, parent, &[name])
    }

    fn forget(&self, node: u64, nlookup: u64) {
        self.ask(Opcode::Forget, node, &[ForgetIn { nlookup }.as_bytes()]).unwrap();
    }

    fn mkdir(&self, parent: u64, mode: u32, name: &[u8]) -> Result<EntryOut, Errno> {
        self.entry(Opcode::Mkdir, parent, &[MkdirIn { mode, umask: 0 }.as_bytes(), name])
    }

    fn create(&self, parent: u64, name: &[u8]) -> Result<EntryOut, Errno> {
        let arg = CreateIn { mode: libc::S_IFREG | 0o644, ..Default::default() };
        self.entry(Opcode::Create, parent, &[arg.as_bytes(), name])
    }

    fn unlink(&self, parent: u64, name: &[u8]) -> Result<Vec<u8>, Errno> {
        self.ask(Opcode::Unlink, parent, &[name])
    }

    fn rename(&self, from: u64, name: &[u8], newdir: u64, to: &[u8]) -> Result<Vec<u8>, Errno> {
        self.ask(Opcode::Rename, from, &[RenameIn { newdir }.as_bytes(), name, to])
    }

    fn write(&self, node: u64, offset: u64, data: &[u8]) -> Result<usize, Errno> {
        let arg = WriteIn { offset, size: data.len() as u32, ..Default::default() };
        let answer = self.ask(Opcode::Write, node, &[arg.as_bytes(), data])?;
        Ok(WriteOut::read_from_bytes(&answer).unwrap().size as usize)
    }

    fn read(&self, node: u64, offset: u64, size: u32) -> Result<Vec<u8>, Errno> {
        let arg = ReadIn { offset, size, ..Default::default() };
        self.ask(Opcode::Read, node, &[arg.as_bytes()])
    }

    fn attr(&self, node: u64) -> Attr {
        let answer = self.ask(Opcode::Getattr, node, &[GetattrIn::default().as_bytes()]).unwrap();
        AttrOut::read_from_bytes(&answer).unwrap().attr
    }

    fn setattr(&self, node: u64, arg: SetattrIn) -> Result<Attr, Errno> {
        let answer = self.ask(Opcode::Setattr, node, &[arg.as_bytes()])?;
        Ok(AttrOut::read_from_bytes(&answer).unwrap().attr)
    }

    fn list(&self, node: u64, offset: u64, size: u32) -> Vec<(u64, String)> {
        let arg = ReadIn { offset, size, ..Default::default() };
        let listing = self.ask(Opcode::Readdir, node, &[arg.as_bytes()]).unwrap();
        let entry = |(entry, name): (Dirent, &OsStr)| (entry.off, name.to_str().unwrap().into());
        dirents(&listing).map(entry).collect()
    }

    fn counters(&self) -> Counters {
        self.memfs.0.counters()
    }
}

#[test]
fn a_node_goes_with_its_last_name_or_its_last_reference_whichever_ends_later() {
    let kernel = kernel(100);
    let empty = kernel.counters();
    let node = kernel.create(ROOT_ID, b"file\0").unwrap().nodeid;
    assert_eq!(kernel.lookup(ROOT_ID, b"file\0").unwrap().nodeid, node);
    kernel.write(node, 0, b"still here").unwrap();

    kernel.unlink(ROOT_ID, b"file\0").unwrap();
    assert_eq!(kernel.lookup(ROOT_ID, b"file\0").unwrap_err(), Errno::ENOENT);
    kernel.forget(node, 1);
    assert_eq!(
        (kernel.attr(node).nlink, kernel.read(node, 0, 99)),
        (0, Ok(b"still here".to_vec()))
    );
    kernel.forget(node, 1);
    assert_eq!(kernel.read(node, 0, 99), Err(Errno::ESTALE));
    assert_eq!(kernel.counters(), empty);

    // The other way round: forgotten first. The name keeps it.
    let node = kernel.create(ROOT_ID, b"file\0").unwrap().nodeid;
    kernel.forget(node, 1);
    assert_eq!(kernel.lookup(ROOT_ID, b"file\0").unwrap().nodeid, node);
    kernel.forget(node, 1);
    kernel.unlink(ROOT_ID, b"file\0").unwrap();
    assert_eq!(kernel.counters(), empty);
}

#[test]
fn more_forgotten_than_was_told_does_no_harm() {
    let kernel = kernel(100);
    let node = kernel.mkdir(ROOT_ID, 0o755, b"dir\0").unwrap().nodeid;
    kernel.forget(node, u64::MAX);
    kernel.forget(ROOT_ID, u64::MAX);
    kernel.forget(12345, 1);
    assert_eq!(kernel.lookup(ROOT_ID, b"dir\0").unwrap().nodeid, node);
}

#[test]
fn after_many_lookups_and_forgets_there_is_the_root_alone() {
    let kernel = kernel(1000);
    let empty = kernel.counters();
    let names: Vec<_> = (0..100).map(|n| format!("file {n}\0").into_bytes()).collect();
    let mut told = std::collections::HashMap::new();
    for name in &names {
        *told.entry(kernel.create(ROOT_ID, name).unwrap().nodeid).or_insert(0) += 1;
    }
    for n in 0..10_000 {
        let entry = kernel.lookup(ROOT_ID, &names[n * 7 % names.len()]).unwrap();
        *told.entry(entry.nodeid).or_insert(0) += 1;
    }
    for name in &names {
        kernel.unlink(ROOT_ID, name).unwrap();
    }
    assert_eq!(kernel.counters().nodes, 1 + 100);
    for (node, lookups) in told {
        kernel.forget(node, lookups - 1);
        assert!(kernel.ask(Opcode::Getattr, node, &[&[0; 16]]).is_ok(), "one is still out");
        kernel.forget(node, 1);
    }
    assert_eq!(kernel.counters(), empty);
}

#[test]
fn a_directory_does_not_move_into_itself() {
    let kernel = kernel(100);
    let a = kernel.mkdir(ROOT_ID, 0o755, b"a\0").unwrap().nodeid;
    let b = kernel.mkdir(a, 0o755, b"b\0").unwrap().nodeid;
    assert_eq!(kernel.rename(ROOT_ID, b"a\0", b, b"c\0"), Err(Errno::EINVAL));
    assert_eq!(kernel.rename(ROOT_ID, b"a\0", a, b"c\0"), Err(Errno::EINVAL));
    assert_eq!(kernel.rename(ROOT_ID, b"a\0", a, b"b\0"), Err(Errno::EINVAL));
    assert_eq!(kernel.rename(a, b"b\0", ROOT_ID, b"a\0"), Err(Errno::ENOTEMPTY));
    // Up is allowed, and takes one link from the directory that it leaves.
    kernel.rename(a, b"b\0", ROOT_ID, b"b\0").unwrap();
    assert_eq!((kernel.attr(ROOT_ID).nlink, kernel.attr(a).nlink), (4, 2));
    kernel.rename(ROOT_ID, b"a\0", b, b"a\0").unwrap();
    assert_eq!(kernel.lookup(b, b"a\0").unwrap().nodeid, a);
}

#[test]
fn a_rename_replaces_what_is_of_its_kind() {
    let kernel = kernel(100);
    let file = kernel.create(ROOT_ID, b"file\0").unwrap().nodeid;
    let other = kernel.create(ROOT_ID, b"other\0").unwrap().nodeid;
    let dir = kernel.mkdir(ROOT_ID, 0o755, b"dir\0").unwrap().nodeid;
    kernel.mkdir(ROOT_ID, 0o755, b"empty\0").unwrap();
    assert_eq!(kernel.rename(ROOT_ID, b"file\0", ROOT_ID, b"dir\0"), Err(Errno::EISDIR));
    assert_eq!(kernel.rename(ROOT_ID, b"dir\0", ROOT_ID, b"file\0"), Err(Errno::ENOTDIR));
    assert_eq!(kernel.rename(ROOT_ID, b"none\0", ROOT_ID, b"file\0"), Err(Errno::ENOENT));
    kernel.rename(ROOT_ID, b"file\0", ROOT_ID, b"other\0").unwrap();
    kernel.rename(ROOT_ID, b"dir\0", ROOT_ID, b"empty\0").unwrap();
    assert_eq!(kernel.lookup(ROOT_ID, b"other\0").unwrap().nodeid, file);
    assert_eq!(kernel.lookup(ROOT_ID, b"empty\0").unwrap().nodeid, dir);
    assert_eq!((kernel.attr(other).nlink, kernel.attr(ROOT_ID).nlink), (0, 3));

    // Two names of one file: nothing happens.
    let arg = LinkIn { oldnodeid: file };
    kernel.entry(Opcode::Link, ROOT_ID, &[arg.as_bytes(), b"same\0"]).unwrap();
    kernel.rename(ROOT_ID, b"same\0", ROOT_ID, b"other\0").unwrap();
    assert_eq!(kernel.attr(file).nlink, 2);
}

#[test]
fn what_is_gone_does_not_come_back() {
    let kernel = kernel(100);
    let dir = kernel.mkdir(ROOT_ID, 0o755, b"dir\0").unwrap().nodeid;
    kernel.ask(Opcode::Rmdir, ROOT_ID, &[b"dir\0"]).unwrap();
    assert_eq!(kernel.create(dir, b"file\0").unwrap_err(), Errno::ENOENT);
    assert_eq!(kernel.mkdir(dir, 0o755, b"dir\0").unwrap_err(), Errno::ENOENT);
    let file = kernel.create(ROOT_ID, b"file\0").unwrap().nodeid;
    assert_eq!(kernel.rename(ROOT_ID, b"file\0", dir, b"file\0"), Err(Errno::ENOENT));
    kernel.unlink(ROOT_ID, b"file\0").unwrap();
    let arg = LinkIn { oldnodeid: file };
    let link = kernel.entry(Opcode::Link, ROOT_ID, &[arg.as_bytes(), b"file\0"]);
    assert_eq!(link.unwrap_err(), Errno::ENOENT);
}

#[test]
fn a_link_that_is_refused_costs_nothing() {
    let kernel = kernel(5);
    let link = |node, name: &[u8]| {
        kernel.entry(Opcode::Link, ROOT_ID, &[LinkIn { oldnodeid: node }.as_bytes(), name])
    };
    // With the root, two nodes and two names, all five blocks are taken.
    let file = kernel.create(ROOT_ID, b"file\0").unwrap().nodeid;
    let dir = kernel.mkdir(ROOT_ID, 0o755, b"dir\0").unwrap().nodeid;
    assert_eq!(link(dir, b"more\0").unwrap_err(), Errno::EPERM);
    let refused = link(file, b"dir\0").unwrap_err();
    assert_eq!(refused, Errno::EEXIST, "the name is asked about before the space");
    assert_eq!(link(file, b"more\0").unwrap_err(), Errno::ENOSPC);
    kernel.ask(Opcode::Rmdir, ROOT_ID, &[b"dir\0"]).unwrap();
    kernel.forget(dir, 1);
    assert_eq!(link(file, b"file\0").unwrap_err(), Errno::EEXIST);
    assert_eq!((kernel.attr(file).nlink, kernel.counters().blocks), (1, 3));
    assert_eq!(link(file, b"more\0").unwrap().attr.nlink, 2);
    assert_eq!(kernel.counters().blocks, 4);
}

#[test]
fn a_link_is_one_reference_more() {
    let kernel = kernel(100);
    let empty = kernel.counters();
    let node = kernel.create(ROOT_ID, b"file\0").unwrap().nodeid;
    let arg = LinkIn { oldnodeid: node };
    let link = kernel.entry(Opcode::Link, ROOT_ID, &[arg.as_bytes(), b"link\0"]).unwrap();
    assert_eq!((link.nodeid, link.attr.nlink), (node, 2));
    kernel.unlink(ROOT_ID, b"file\0").unwrap();
    kernel.unlink(ROOT_ID, b"link\0").unwrap();
    // CREATE and LINK have told the kernel of it, once each.
    kernel.forget(node, 1);
    assert_eq!(kernel.attr(node).nlink, 0, "one reference is left");
    kernel.forget(node, 1);
    assert_eq!(kernel.counters(), empty, "no reference is left, and the node is still there");
}

#[test]
fn an_entry_has_the_type_of_its_node() {
    let kernel = kernel(100);
    kernel.create(ROOT_ID, b"file\0").unwrap();
    kernel.mkdir(ROOT_ID, 0o755, b"dir\0").unwrap();
    kernel.entry(Opcode::Symlink, ROOT_ID, &[b"link\0", b"file\0"]).unwrap();
    let arg = ReadIn { size: 4096, ..Default::default() };
    let listing = kernel.ask(Opcode::Readdir, ROOT_ID, &[arg.as_bytes()]).unwrap();
    let kinds: Vec<_> =
        dirents(&listing).map(|(entry, name)| (name.to_str().unwrap(), entry.r#type)).collect();
    let [dir, file, link] = [libc::DT_DIR, libc::DT_REG, libc::DT_LNK].map(u32::from);
    let expected = [(".", dir), ("..", dir), ("file", file), ("dir", dir), ("link", link)];
    assert_eq!(kinds, expected, "a type is the mode, shifted right by 12");
}

#[test]
fn a_directory_that_has_lost_its_parent_has_two_dots() {
    let kernel = kernel(100);
    let above = kernel.mkdir(ROOT_ID, 0o755, b"above\0").unwrap().nodeid;
    let held = kernel.mkdir(above, 0o755, b"held\0").unwrap().nodeid;
    kernel.ask(Opcode::Rmdir, above, &[b"held\0"]).unwrap();
    kernel.ask(Opcode::Rmdir, ROOT_ID, &[b"above\0"]).unwrap();
    kernel.forget(above, 1);
    assert_eq!(kernel.list(held, 0, 4096), [(1, ".".into()), (2, "..".into())]);
}

#[test]
fn what_cannot_be_a_name_is_none() {
    let kernel = kernel(100);
    let long = [&[b'x'; 256][..], b"\0"].concat();
    let names = [(&b"\0"[..], Errno::EINVAL), (b".\0", Errno::EINVAL), (b"..\0", Errno::EINVAL)];
    for (name, errno) in names.into_iter().chain([(&b"a/b\0"[..], Errno::EINVAL)]) {
        assert_eq!(kernel.lookup(ROOT_ID, name).unwrap_err(), errno, "{name:?}");
        assert_eq!(kernel.create(ROOT_ID, name).unwrap_err(), errno, "{name:?}");
    }
    assert_eq!(kernel.create(ROOT_ID, &long).unwrap_err(), Errno::ENAMETOOLONG);
    assert_eq!(kernel.counters().nodes, 1);
}

#[test]
fn a_full_file_system_loses_nothing() {
    let kernel = kernel(5);
    // The root, the file and its name take three of five blocks.
    let file = kernel.create(ROOT_ID, b"file\0").unwrap().nodeid;
    assert_eq!(kernel.write(file, 0, &[7; 12_000]), Ok(8192));
    assert_eq!(kernel.write(file, 8192, b"more"), Err(Errno::ENOSPC));
    assert_eq!(kernel.write(file, 0, b"over"), Ok(4));
    assert_eq!(kernel.create(ROOT_ID, b"other\0").unwrap_err(), Errno::ENOSPC);
    assert_eq!(kernel.lookup(ROOT_ID, b"other\0").unwrap_err(), Errno::ENOENT);
    let arg = SetxattrIn { size: 1, flags: 0 };
    let set = kernel.ask(Opcode::Setxattr, file, &[arg.as_bytes(), b"user.a\0", b"1"]);
    assert_eq!(set, Err(Errno::ENOSPC));
    assert_eq!(kernel.read(file, 0, 6), Ok(b"over\x07\x07".to_vec()));
    assert_eq!((kernel.attr(file).size, kernel.attr(file).blocks), (8192, 16));
    let statfs = kernel.ask(Opcode::Statfs, ROOT_ID, &[]).unwrap();
    let statfs = Kstatfs::read_from_bytes(&statfs).unwrap();
    assert_eq!((statfs.blocks, statfs.bfree, statfs.files), (5, 0, 2));
    // A name costs nothing to move, whatever the space.
    kernel.rename(ROOT_ID, b"file\0", ROOT_ID, b"moved\0").unwrap();
    kernel.unlink(ROOT_ID, b"moved\0").unwrap();
    kernel.forget(file, 1);
    assert_eq!(kernel.counters(), Counters { nodes: 1, blocks: 1 });
}

#[test]
fn a_listing_goes_on_behind_what_was_told() {
    let kernel = kernel(1000);
    // Of different lengths: where a long one does not fit any more, a short one would.
    let file = |n: usize| format!("file {n:03}{}", ".".repeat(n % 3 * 20));
    for n in 0..200 {
        kernel.create(ROOT_ID, format!("{}\0", file(n)).as_bytes()).unwrap();
    }
    let (mut offset, mut seen) = (0, Vec::new());
    loop {
        let part = kernel.list(ROOT_ID, offset, 512);
        let Some((last, _)) = part.last() else { break };
        offset = *last;
        seen.extend(part.into_iter().map(|(_, name)| name));
        // Meanwhile, names go and come: one that was seen, and one that is new.
        if let Some(gone) = seen.iter().rev().find(|name| name.starts_with("file")) {
            let name = [gone.as_bytes(), b"\0"].concat();
            kernel.unlink(ROOT_ID, &name).unwrap();
        }
    }
    let files: Vec<_> = (0..200).map(file).collect();
    assert_eq!(seen[..2], [".", ".."]);
    let differ = seen[2..].iter().zip(&files).find(|(seen, file)| seen != file);
    assert_eq!(differ, None, "what was listed, and what should have been");
    assert_eq!(seen.len(), 2 + files.len());
}

#[test]
fn times_move_as_posix_says() {
    let kernel = kernel(100);
    let file = kernel.create(ROOT_ID, b"file\0").unwrap().nodeid;
    let old = SetattrIn {
        valid: SetattrValid::ATIME | SetattrValid::MTIME,
        atime: 1,
        mtime: (-2_i64) as u64,
        mtimensec: 5,
        ..Default::default()
    };
    let reset = || kernel.setattr(file, old).unwrap();
    assert_eq!((reset().atime, reset().mtime as i64, reset().mtimensec), (1, -2, 5));

    let size = SetattrIn { valid: SetattrValid::SIZE, size: 10, ..Default::default() };
    let cut = kernel.setattr(file, size).unwrap();
    assert_eq!(cut.size, 10);
    assert!(cut.mtime > 2 && cut.mtime == cut.ctime, "a truncation comes without MTIME");
    reset();
    assert!(kernel.setattr(file, size).unwrap().mtime > 2, "even to the same size");
    reset();
    let mode = SetattrIn { valid: SetattrValid::MODE, mode: 0o7777, ..Default::default() };
    let changed = kernel.setattr(file, mode).unwrap();
    assert_eq!((changed.mtime as i64, changed.mode), (-2, libc::S_IFREG | 0o7777));
    assert!(changed.ctime > 2);
    reset();
    kernel.write(file, 0, b"x").unwrap();
    assert!(kernel.attr(file).mtime as i64 > 2);
    kernel.read(file, 0, 1).unwrap();
    assert!(kernel.attr(file).atime > 2);

    let open = OpenIn { flags: (libc::O_WRONLY | libc::O_TRUNC) as u32, unused: 0 };
    reset();
    kernel.ask(Opcode::Open, file, &[open.as_bytes()]).unwrap();
    let opened = kernel.attr(file);
    assert_eq!(opened.size, 0);
    assert!(opened.mtime as i64 > 2, "O_TRUNC truncates");

    kernel.setattr(ROOT_ID, old).unwrap();
    kernel.list(ROOT_ID, 0, 4096);
    assert!(kernel.attr(ROOT_ID).atime > 2, "who lists a directory reads it");
}

#[test]
fn owners_come_from_the_request_or_from_a_setgid_directory() {
    let kernel = kernel(100);
    let dir = kernel.mkdir(ROOT_ID, 0o2775, b"dir\0").unwrap();
    assert_eq!((dir.attr.uid, dir.attr.gid), (1000, 1000));
    let group = SetattrIn { valid: SetattrValid::GID, gid: 50, ..Default::default() };
    kernel.setattr(dir.nodeid, group).unwrap();
    let below = kernel.mkdir(dir.nodeid, 0o755, b"below\0").unwrap().attr;
    let file = kernel.create(dir.nodeid, b"file\0").unwrap().attr;
    assert_eq!((below.uid, below.gid, below.mode), (1000, 50, libc::S_IFDIR | 0o2755));
    assert_eq!((file.uid, file.gid, file.mode), (1000, 50, libc::S_IFREG | 0o644));
}

#[test]
fn a_file_is_no_larger_than_an_offset_can_say() {
    let kernel = kernel(100);
    let file = kernel.create(ROOT_ID, b"file\0").unwrap().nodeid;
    let size = |size| SetattrIn { valid: SetattrValid::SIZE, size, ..Default::default() };
    assert_eq!(kernel.setattr(file, size(u64::MAX)).unwrap_err(), Errno::EFBIG);
    assert!(kernel.setattr(file, size(i64::MAX as u64)).is_ok());
    assert_eq!(kernel.write(file, u64::MAX, b"x"), Err(Errno::EFBIG));
    assert_eq!(kernel.write(file, i64::MAX as u64, b"x"), Err(Errno::EFBIG));
    assert_eq!(kernel.read(file, u64::MAX, 4096), Ok(vec![]));
    assert_eq!(kernel.read(file, i64::MAX as u64 - 2, 4096), Ok(vec![0; 2]));
    assert_eq!(kernel.counters().blocks, 3);
}

#[test]
fn extended_attributes() {
    let kernel = kernel(100);
    let ask = |opcode, body: &[&[u8]]| kernel.ask(opcode, ROOT_ID, body);
    let set = |flags, name: &[u8], value: &[u8]| {
        let arg = SetxattrIn { size: value.len() as u32, flags };
        ask(Opcode::Setxattr, &[arg.as_bytes(), name, value])
    };
    let get = |size, name: &[u8]| {
        ask(Opcode::Getxattr, &[GetxattrIn { size, padding: 0 }.as_bytes(), name])
    };
    let list = |size| ask(Opcode::Listxattr, &[GetxattrIn { size, padding: 0 }.as_bytes()]);
    assert_eq!(set(libc::XATTR_REPLACE as u32, b"user.a\0", b"1"), Err(Errno::ENODATA));
    set(libc::XATTR_CREATE as u32, b"user.a\0", b"one").unwrap();
    assert_eq!(set(libc::XATTR_CREATE as u32, b"user.a\0", b"1"), Err(Errno::EEXIST));
    set(0, b"user.b\0", &[7; 9000]).unwrap();
    assert_eq!(kernel.counters().blocks, 1 + 1 + 3);
    assert_eq!(get(3, b"user.a\0"), Ok(b"one".to_vec()));
    assert_eq!(get(0, b"user.a\0"), Ok(GetxattrOut { size: 3, padding: 0 }.as_bytes().to_vec()));
    assert_eq!(get(2, b"user.a\0"), Err(Errno::ERANGE));
    assert_eq!(get(9, b"user.c\0"), Err(Errno::ENODATA));
    assert_eq!(list(99), Ok(b"user.a\0user.b\0".to_vec()));
    assert_eq!(list(13), Err(Errno::ERANGE));
    set(libc::XATTR_REPLACE as u32, b"user.b\0", b"short").unwrap();
    ask(Opcode::Removexattr, &[b"user.a\0"]).unwrap();
    assert_eq!(ask(Opcode::Removexattr, &[b"user.a\0"]), Err(Errno::ENODATA));
    assert_eq!(kernel.counters().blocks, 1 + 1);
    assert_eq!(set(0, b"system.posix_acl_access\0", b"x"), Err(Errno::EOPNOTSUPP));
}

#[test]
fn nodes_of_every_kind() {
    let kernel = kernel(100);
    let mknod = |mode, name: &[u8]| {
        let arg = MknodIn { mode, rdev: 0x103, ..Default::default() };
        kernel.entry(Opcode::Mknod, ROOT_ID, &[arg.as_bytes(), name])
    };
    for (kind, name) in [
        (libc::S_IFREG, b"r\0"),
        (libc::S_IFIFO, b"f\0"),
        (libc::S_IFSOCK, b"s\0"),
        (libc::S_IFCHR, b"c\0"),
        (libc::S_IFBLK, b"b\0"),
    ] {
        let attr = mknod(kind | 0o600, name).unwrap().attr;
        assert_eq!((attr.mode, attr.nlink, attr.rdev), (kind | 0o600, 1, 0x103));
    }
    assert_eq!(mknod(libc::S_IFDIR, b"d\0").unwrap_err(), Errno::EINVAL);
    assert_eq!(mknod(0o160000, b"x\0").unwrap_err(), Errno::EINVAL);
    let link = kernel.entry(Opcode::Symlink, ROOT_ID, &[b"l\0", b"where to\0"]).unwrap();
    assert_eq!((link.attr.mode, link.attr.size), (libc::S_IFLNK | 0o777, 8));
    assert_eq!(kernel.ask(Opcode::Readlink, link.nodeid, &[]), Ok(b"where to".to_vec()));
    let dir = kernel.mkdir(ROOT_ID, 0o755, b"d\0").unwrap().nodeid;
    assert_eq!(kernel.read(dir, 0, 9), Err(Errno::EISDIR));
    assert_eq!(kernel.unlink(ROOT_ID, b"d\0"), Err(Errno::EISDIR));
    assert_eq!(kernel.ask(Opcode::Rmdir, ROOT_ID, &[b"r\0"]), Err(Errno::ENOTDIR));
    assert_eq!(kernel.lookup(link.nodeid, b"x\0").unwrap_err(), Errno::ENOTDIR);
}
