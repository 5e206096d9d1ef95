//! A file system on a block device: BMAP and DESTROY, which come to no other.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::mount::MntFlags;
use nix::sys::stat::stat;
use nix::unistd::gettid;
use step01_device::{Device, Mount};
use step02_wire::abi::*;
use step05_server::{Files, Filesystem, Session};

use super::{umount, wrapped};
use crate::in_process::{serving, serving_on};
use crate::loopback::Loop;
use crate::recorded::{assert_recorded, waits};
use crate::visitor::fresh_dir;

/// A disk with one file, whose block 0 is block 100 of the disk, and so on: eight of them.
struct Disk {
    asked: Mutex<Vec<BmapIn>>,
    bmap: fn(&BmapIn) -> Result<u64, Errno>,
    destroyed: AtomicU32,
    /// DESTROY is answered after a word from here, or without one when the other end is gone.
    may_end: Mutex<Receiver<()>>,
}

// ANCHOR: disk
fn block_of_the_disk(arg: &BmapIn) -> Result<u64, Errno> {
    // 0 is a hole.
    Ok(if arg.block < 8 { 100 + arg.block } else { 0 })
}

impl Filesystem for Disk {
    fn bmap(&self, _: &InHeader, arg: &BmapIn) -> Result<u64, Errno> {
        self.asked.lock().unwrap().push(*arg);
        (self.bmap)(arg)
    }
    fn destroy(&self) {
        // umount(2) returns when this does: the last moment to bring something to the disk.
        let _ = self.may_end.lock().unwrap().recv();
        self.destroyed.fetch_add(1, Ordering::SeqCst);
    }
    // ANCHOR_END: disk
    fn lookup(&self, _: &InHeader, _: &OsStr) -> Result<EntryOut, Errno> {
        let attr = attributes(2);
        Ok(EntryOut { nodeid: 2, entry_valid: 3600, attr_valid: 3600, attr, ..EntryOut::default() })
    }
    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        Ok(AttrOut { attr_valid: 3600, attr: attributes(header.nodeid), ..AttrOut::default() })
    }
}

fn attributes(ino: u64) -> Attr {
    let mode = if ino == ROOT_ID { libc::S_IFDIR | 0o755 } else { libc::S_IFREG | 0o644 };
    Attr { ino, mode, nlink: 1, size: 8 * 4096, ..Attr::default() }
}

fn disk(bmap: fn(&BmapIn) -> Result<u64, Errno>, may_end: Receiver<()>) -> Files<Disk> {
    let (asked, destroyed) = (Mutex::default(), AtomicU32::new(0));
    Files(Disk { asked, bmap, destroyed, may_end: Mutex::new(may_end) })
}

/// A session over a mount of a loop device.
pub fn on_a_disk(options: &[&str]) -> (Session, Loop) {
    let place = fresh_dir("place");
    fs::write(place.join("disk"), vec![0; 1 << 20]).unwrap();
    let disk = Loop::over(&place.join("disk"));
    let device = Device::open().unwrap();
    let source = disk.path.to_str().unwrap();
    let mount = Mount::of_block_device(&device, &fresh_dir("mnt"), source, options).unwrap();
    (Session::over(device, mount, None), disk)
}

/// ioctl(FIBMAP): at which block of the device is this block of the file?
pub fn fibmap(file: &File, block: i32) -> nix::Result<i32> {
    const FIBMAP: libc::c_ulong = 1; // linux/fs.h
    let mut block = block;
    // SAFETY: FIBMAP reads and writes one int; the descriptor is open.
    Errno::result(unsafe { libc::ioctl(file.as_raw_fd(), FIBMAP, &raw mut block) })?;
    Ok(block)
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_block_of_the_file_is_a_block_of_the_disk() {
    let (session, _loop) = on_a_disk(&["blksize=4096"]);
    let files = disk(block_of_the_disk, channel().1);
    serving_on(session, &files, |dir| {
        let file = File::open(dir.join("file")).unwrap();
        assert_eq!(fibmap(&file, 0), Ok(100));
        assert_eq!(fibmap(&file, 7), Ok(107));
        assert_eq!(fibmap(&file, 8), Ok(0));
        let asked: Vec<_> =
            files.0.asked.lock().unwrap().iter().map(|arg| (arg.block, arg.blocksize)).collect();
        assert_eq!(asked, [(0, 4096), (7, 4096), (8, 4096)]);
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_disk_that_knows_no_blocks_is_asked_once() {
    let (session, _loop) = on_a_disk(&[]);
    let files = disk(|_| Err(Errno::ENOSYS), channel().1);
    serving_on(session, &files, |dir| {
        let file = File::open(dir.join("file")).unwrap();
        let answers: Vec<_> = (0..3).map(|block| fibmap(&file, block)).collect();
        assert_eq!(answers, [Ok(0); 3]);
        let asked = files.0.asked.lock().unwrap();
        println!("asked for blocks of {} bytes", asked[0].blocksize);
        assert_eq!(asked.len(), 1);
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn where_no_disk_is_nobody_asks_for_its_blocks() {
    let files = disk(block_of_the_disk, channel().1);
    serving(&files, |dir| {
        let file = File::open(dir.join("file")).unwrap();
        assert_eq!(fibmap(&file, 0), Ok(0));
        drop(file);
        umount(dir, MntFlags::empty());
    });
    assert!(files.0.asked.lock().unwrap().is_empty());
    assert_eq!(files.0.destroyed.load(Ordering::SeqCst), 0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn umount_waits_for_the_answer_to_destroy() {
    let (session, _loop) = on_a_disk(&[]);
    let (may_end, word) = channel();
    let files = disk(block_of_the_disk, word);
    serving_on(session, &files, |dir| {
        // Before INIT is answered there is nothing to destroy.
        stat(dir).unwrap();
        thread::scope(|scope| {
            let (sender, thread) = channel();
            let over = Arc::new(AtomicBool::new(false));
            let unmounted = Arc::clone(&over);
            scope.spawn(move || {
                sender.send(gettid()).unwrap();
                umount(dir, MntFlags::empty());
                unmounted.store(true, Ordering::SeqCst);
            });
            let stack = wrapped(&waits(thread.recv().unwrap()));
            assert_recorded("step09__destroy", &format!("umount waits for the server:{stack}"));
            thread::sleep(Duration::from_millis(200));
            assert!(!over.load(Ordering::SeqCst), "umount(2) did not wait");
            may_end.send(()).unwrap();
        });
    });
    assert_eq!(files.0.destroyed.load(Ordering::SeqCst), 1);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn an_aborted_disk_is_not_asked() {
    let (session, _loop) = on_a_disk(&[]);
    let files = disk(block_of_the_disk, channel().1);
    serving_on(session, &files, |dir| {
        stat(dir).unwrap();
        umount(dir, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
    });
    assert_eq!(files.0.destroyed.load(Ordering::SeqCst), 0);
}
