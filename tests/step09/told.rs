//! What each notification makes the kernel forget, and what it says when there is nothing to forget.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use kernel_tests::is_mounted;
use nix::errno::Errno;
use nix::libc;
use nix::mount::MntFlags;
use nix::sys::stat::stat;
use step02_wire::abi::*;
use step02_wire::encode;
use step05_server::{Data, Files, Filesystem, Payload};
use step09_notify::{Notifier, Queue, Told};

use super::umount;
use crate::in_process::{mounted, serving_on};
use crate::recorded::assert_recorded;
use crate::visitor::errno;

/// A directory with one file, `board`, of two pages. The kernel may believe everything for an hour.
pub struct Board<F> {
    /// What each byte is.
    pub byte: AtomicU64,
    /// Is the name there?
    pub there: AtomicBool,
    /// Where READs began.
    pub read_at: Mutex<Vec<u64>>,
    /// Called inside LOOKUP, READ and UNLINK, with their name.
    pub during: F,
}

pub const BOARD: u64 = 2;
const SIZE: u64 = 8192;

/// A file system that does nothing special while it is asked.
pub fn board() -> Files<Board<fn(&str)>> {
    board_that(|_| ())
}

/// One that does something while it is asked.
pub fn board_that<F: Fn(&str)>(during: F) -> Files<Board<F>> {
    let (byte, there, read_at) =
        (AtomicU64::new(b'a'.into()), AtomicBool::new(true), Mutex::default());
    Files(Board { byte, there, read_at, during })
}

impl<F> Board<F> {
    fn attributes(&self, ino: u64) -> Attr {
        let mode = if ino == ROOT_ID { libc::S_IFDIR | 0o755 } else { libc::S_IFREG | 0o644 };
        // The time tells which byte it is, too.
        let mtime = self.byte.load(Ordering::SeqCst);
        Attr { ino, mode, nlink: 1, size: SIZE, mtime, ..Attr::default() }
    }

    fn reads(&self) -> Vec<u64> {
        std::mem::take(&mut self.read_at.lock().unwrap())
    }
}

impl<F: Fn(&str) + Send + Sync> Filesystem for Board<F> {
    fn lookup(&self, _: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        (self.during)("LOOKUP");
        if name != "board" {
            return Err(Errno::ENOENT);
        }
        let nodeid = if self.there.load(Ordering::SeqCst) { BOARD } else { 0 };
        let (attr, entry_valid, attr_valid) = (self.attributes(BOARD), 3600, 3600);
        Ok(EntryOut { nodeid, entry_valid, attr_valid, attr, ..EntryOut::default() })
    }
    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let attr = self.attributes(header.nodeid);
        Ok(AttrOut { attr_valid: 3600, attr, ..AttrOut::default() })
    }
    fn unlink(&self, _: &InHeader, _: &OsStr) -> Result<(), Errno> {
        (self.during)("UNLINK");
        self.there.store(false, Ordering::SeqCst);
        Ok(())
    }
    fn open(&self, _: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        Ok(OpenOut { open_flags: OpenReplyFlags::KEEP_CACHE, ..OpenOut::default() })
    }
    fn write(&self, _: &InHeader, arg: &WriteIn, _: &mut dyn Payload) -> Result<u32, Errno> {
        Ok(arg.size)
    }
    fn read(&self, _: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        // Linux 5.10 looks for more behind the end, too.
        if arg.offset < SIZE {
            self.read_at.lock().unwrap().push(arg.offset);
        }
        let byte = self.byte.load(Ordering::SeqCst) as u8;
        (self.during)("READ");
        let len = SIZE.saturating_sub(arg.offset).min(arg.size.into());
        Ok(Data::Bytes(vec![byte; len as usize]))
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn each_notification_makes_the_kernel_forget_one_thing() {
    let session = mounted();
    let kernel = Notifier::new(Arc::clone(session.device()));
    let files = board();
    serving_on(session, &files, |dir| {
        let path = dir.join("board");
        let seen = || {
            let bytes = fs::read(&path).unwrap();
            let text = [bytes[0], bytes[4095], bytes[4096], bytes[8191]];
            let mtime = fs::metadata(&path).unwrap().mtime() as u8;
            (String::from_utf8(text.to_vec()).unwrap(), char::from(mtime))
        };
        let set = |byte: u8| files.0.byte.store(byte.into(), Ordering::SeqCst);
        assert_eq!(seen(), ("aaaa".into(), 'a'));
        assert_eq!(files.0.reads(), [0]);
        set(b'b');
        assert_eq!(seen(), ("aaaa".into(), 'a'), "stale, as it should be");

        assert_eq!(kernel.inval_attributes(BOARD).unwrap(), Told::Done);
        assert_eq!(seen(), ("aaaa".into(), 'b'), "the data stay");
        assert_eq!(files.0.reads(), []);
        // One byte of the second page is all of it.
        assert_eq!(kernel.inval_inode(BOARD, 5000, 1).unwrap(), Told::Done);
        assert_eq!(seen(), ("aabb".into(), 'b'));
        assert_eq!(files.0.reads(), [4096]);
        set(b'c');
        assert_eq!(kernel.inval_inode(BOARD, 0, 0).unwrap(), Told::Done);
        assert_eq!(seen(), ("cccc".into(), 'c'));
        assert_eq!(files.0.reads(), [0]);

        files.0.there.store(false, Ordering::SeqCst);
        assert!(fs::metadata(&path).is_ok(), "stale, as it should be");
        assert_eq!(kernel.inval_entry(ROOT_ID, "board".as_ref()).unwrap(), Told::Done);
        assert_eq!(errno(fs::metadata(&path)), Some(libc::ENOENT));
        files.0.there.store(true, Ordering::SeqCst);
        assert_eq!(errno(fs::metadata(&path)), Some(libc::ENOENT), "believed, as it should be");
        assert_eq!(kernel.inval_entry(ROOT_ID, "board".as_ref()).unwrap(), Told::Done);
        assert!(fs::metadata(&path).is_ok());
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_the_kernel_does_not_know_is_no_fault() {
    let session = mounted();
    let kernel = Notifier::new(Arc::clone(session.device()));
    serving_on(session, &board(), |dir| {
        stat(dir).unwrap();
        assert_eq!(kernel.inval_inode(BOARD, 0, 0).unwrap(), Told::Unknown, "nobody looked it up");
        assert_eq!(kernel.inval_entry(ROOT_ID, "board".as_ref()).unwrap(), Told::Unknown);
        let file = File::open(dir.join("board")).unwrap();
        assert_eq!(kernel.inval_inode(BOARD, 1 << 40, 0).unwrap(), Told::Done, "beyond its end");
        assert_eq!(kernel.inval_inode(99, 0, 0).unwrap(), Told::Unknown);
        assert_eq!(kernel.inval_attributes(0).unwrap(), Told::Unknown);
        assert_eq!(kernel.inval_entry(99, "board".as_ref()).unwrap(), Told::Unknown);
        assert_eq!(kernel.inval_entry(ROOT_ID, "".as_ref()).unwrap(), Told::Unknown);
        assert_eq!(kernel.poll(12345).unwrap(), Told::Done, "no kh is wrong");
        // What is wrong is told.
        assert_eq!(errno(kernel.inval_entry(BOARD, "x".as_ref())), Some(libc::ENOTDIR));
        let long = "x".repeat(1025);
        assert_eq!(errno(kernel.inval_entry(ROOT_ID, long.as_ref())), Some(libc::ENAMETOOLONG));
        assert_eq!(file.metadata().unwrap().len(), SIZE);
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn after_the_end_there_is_nobody_to_tell() {
    let ways =
        [MntFlags::empty(), MntFlags::MNT_DETACH, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH];
    for (flags, inside) in ways.into_iter().flat_map(|way| [(way, false), (way, true)]) {
        if flags.is_empty() && inside {
            continue; // EBUSY
        }
        let session = mounted();
        let dir = session.path().to_owned();
        let kernel = Notifier::new(Arc::clone(session.device()));
        let (queue, courier) = Queue::start(kernel.clone()).unwrap();
        serving_on(session, &board(), |dir| {
            let file = File::open(dir.join("board")).unwrap();
            file.read_at(&mut [0; 1], 0).unwrap();
            let held = inside.then_some(file);
            let over = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    while !over.load(Ordering::Relaxed) {
                        kernel.inval_inode(BOARD, 0, 0).unwrap();
                        kernel.inval_entry(ROOT_ID, "board".as_ref()).unwrap();
                        kernel.poll(1).unwrap();
                    }
                });
                thread::sleep(std::time::Duration::from_millis(20));
                umount(dir, flags);
                over.store(true, Ordering::Relaxed);
            });
            drop(held);
        });
        assert!(!is_mounted(&dir).unwrap());
        queue.put(|kernel| kernel.inval_inode(BOARD, 0, 0).map(drop));
        drop(courier);
        assert_eq!(kernel.inval_inode(ROOT_ID, 0, 0).unwrap(), Told::Unknown);
        assert_eq!(kernel.inval_entry(ROOT_ID, "board".as_ref()).unwrap(), Told::Unknown);
        fs::remove_dir(&dir).unwrap();
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_the_kernel_says_before_and_after() {
    let mut told = String::new();
    let forced = MntFlags::MNT_FORCE | MntFlags::MNT_DETACH;
    for (way, flags, inside) in [
        ("umount", MntFlags::empty(), false),
        ("umount -f", MntFlags::MNT_FORCE, false),
        ("umount -f -l with a client inside", forced, true),
    ] {
        let session = mounted();
        let device = Arc::clone(session.device());
        let mut say = |when: &str| {
            writeln!(told, "{when}").unwrap();
            for (name, message) in [
                ("INVAL_INODE", encode::notify_inval_inode(ROOT_ID, 0, 0)),
                ("INVAL_ENTRY", encode::notify_inval_entry(ROOT_ID, "board".as_ref())),
                ("POLL", encode::notify_poll(1)),
            ] {
                let taken = nix::unistd::write(&device, &message);
                let said = taken.map_or_else(|errno| format!("{errno:?}"), |_| "taken".into());
                writeln!(told, "  {name:<12} {said}").unwrap();
            }
        };
        say("before INIT is answered");
        let (dir, file) = serving_on(session, &board(), |dir| {
            let file = File::open(dir.join("board")).unwrap();
            let held = inside.then_some(file);
            say("while it is served");
            umount(dir, flags);
            (dir.to_owned(), held)
        });
        say(&format!("after {way}"));
        drop(file);
        fs::remove_dir(dir).unwrap();
    }
    assert_recorded("step09__over", &told);
}
