//! Step 09: a server that speaks first.

mod deadlocks;
pub mod disk;
mod told;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use kernel_tests::Server;
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use step02_wire::abi::{Attr, AttrOut, EntryOut, GetattrIn, InHeader, IoctlIn, IoctlOut};
use step05_server::{Files, Filesystem};
use step09_notify::{COUNT, EVERY, NOW};

use crate::in_bytes::InBytes;
use crate::in_process::serving;
use crate::recorded::{Traced, assert_recorded};
use crate::visitor::{errno, fresh_dir, program, until};

/// The news, which change every so many seconds; `0`: when they are asked to.
fn news(every: &str, options: &[&str]) -> (Server, PathBuf) {
    let dir = fresh_dir("mnt");
    let mut command = program("step09-notify");
    command.args(["--every", every, "--trace"]).args(options).arg(&dir).stdout(Stdio::null());
    (Server::start(command, &dir).unwrap(), dir)
}

/// ioctl(2) with any argument that is an address, or none.
fn ioctl<T>(file: &File, command: u32, argument: &mut T) -> nix::Result<i32> {
    let argument: *mut T = argument;
    // SAFETY: each command here reads or writes at most a T, or takes no argument; the descriptor is open.
    Errno::result(unsafe { libc::ioctl(file.as_raw_fd(), command.into(), argument) })
}

fn count(file: &File) -> u64 {
    let mut count = u64::MAX;
    ioctl(file, COUNT, &mut count).unwrap();
    count
}

/// Makes the news change, now.
pub fn change(file: &File) {
    ioctl(file, NOW, &mut ()).unwrap();
}

/// What poll(2) says within `milliseconds`; `None`: nothing.
fn ready(file: &File, milliseconds: u16) -> Option<PollFlags> {
    let mut waited = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    match poll(&mut waited, PollTimeout::from(milliseconds)).unwrap() {
        0 => None,
        _ => waited[0].revents(),
    }
}

/// Unmounts. What was closed just now may keep the mount busy for a moment. By force, the server ends before
/// the call returns, and may be the first to unmount (EINVAL).
fn umount(dir: &Path, flags: MntFlags) {
    let busy = || umount2(dir, flags) == Err(Errno::EBUSY);
    until("nobody is inside any more", || !busy());
}

/// A stack in lines that fit a page.
fn wrapped(stack: &str) -> String {
    let (mut lines, mut room) = (String::new(), 0);
    for (n, function) in stack.split(" ← ").enumerate() {
        let arrow = if n == 0 { "" } else { " ←" };
        lines += arrow;
        if room < function.len() + 3 {
            lines += "\n ";
            room = 80;
        }
        lines += &format!(" {function}");
        room -= function.len() + 3;
    }
    lines
}

/// Patience enough for an emulated machine.
const LONG: u16 = 10_000;

fn text(number: u64) -> String {
    format!("This is news number {number:04}.\n")
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_change_is_seen_at_once_though_all_is_cached() {
    let (server, dir) = news("0", &[]);
    let path = dir.join("news");
    let file = File::open(&path).unwrap();
    let mut before = fs::metadata(&path).unwrap();
    for number in 1..=20 {
        change(&file);
        until("the kernel is told", || fs::read_to_string(&path).unwrap() == text(number));
        let now = fs::metadata(&path).unwrap();
        assert_eq!(now.len(), text(number).len() as u64);
        let time = |meta: &fs::Metadata| (meta.mtime(), meta.mtime_nsec());
        assert!(time(&now) > time(&before));
        before = now;
    }
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn without_a_word_it_is_never_seen() {
    let (server, dir) = news("0", &["--silent"]);
    let path = dir.join("news");
    let file = File::open(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text(0));
    assert_eq!(errno(fs::metadata(dir.join("flash"))), Some(libc::ENOENT));
    (0..9).for_each(|_| change(&file));
    assert_eq!(count(&file), 9);
    assert_eq!(fs::read_to_string(&path).unwrap(), text(0));
    assert_eq!(errno(fs::metadata(dir.join("flash"))), Some(libc::ENOENT));
    // A listing is never cached, so it contradicts.
    assert!(fs::read_dir(&dir).unwrap().any(|entry| entry.unwrap().file_name() == "flash"));
    assert_eq!(ready(&file, 200), None);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_name_comes_and_goes() {
    let (server, dir) = news("0", &[]);
    let (file, flash) = (File::open(dir.join("news")).unwrap(), dir.join("flash"));
    let root = || {
        let meta = fs::metadata(&dir).unwrap();
        (meta.mtime(), meta.mtime_nsec())
    };
    // Its directory is newer, also to whom that name is unknown.
    for _ in 0..2 {
        let before = root();
        change(&file);
        until("the directory is newer", || root() > before);
    }
    for _ in 0..5 {
        assert_eq!(errno(fs::metadata(&flash)), Some(libc::ENOENT));
        let before = root();
        change(&file);
        until("it has come", || fs::metadata(&flash).is_ok());
        until("its directory is newer", || root() > before);
        let held = File::open(&flash).unwrap();
        change(&file);
        until("it has gone", || fs::metadata(&flash).is_err());
        // Who has it open keeps it.
        assert_eq!(io::read_to_string(&held).unwrap(), "It was on the radio!\n");
        until("it has no name", || held.metadata().unwrap().nlink() == 0);
    }
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn poll_wakes_at_a_change_and_not_before() {
    let (server, dir) = news("0", &[]);
    let file = File::open(dir.join("news")).unwrap();
    let changes = File::open(dir.join("news")).unwrap();
    for number in 1..=5 {
        // Not before: for a while there is nothing.
        assert_eq!(ready(&file, 100), None);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| ready(&file, LONG));
            thread::sleep(Duration::from_millis(100));
            assert!(!waiting.is_finished());
            let start = Instant::now();
            change(&changes);
            assert_eq!(waiting.join().unwrap(), Some(PollFlags::POLLIN));
            assert!(start.elapsed() < Duration::from_secs(5));
        });
        let mut buffer = [0; 100];
        let length = file.read_at(&mut buffer, 0).unwrap();
        assert_eq!(buffer[..length], *text(number).as_bytes());
    }
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn many_wait_and_all_are_woken() {
    let (server, dir) = news("0", &[]);
    let open = || File::open(dir.join("news")).unwrap();
    let (each, shared, changes) = ([open(), open(), open()], open(), open());
    thread::scope(|scope| {
        let each = each.each_ref().map(|file| scope.spawn(|| ready(file, LONG)));
        thread::sleep(Duration::from_millis(200));
        change(&changes);
        for waiting in each {
            assert_eq!(waiting.join().unwrap(), Some(PollFlags::POLLIN));
        }
    });
    assert!(each.iter().all(|file| ready(file, 0).is_none()), "each was told once");
    // Two on one open file: a change is told to one of them, as with /proc/self/mounts.
    assert_eq!(ready(&shared, LONG), Some(PollFlags::POLLIN));
    let (sender, woken) = channel();
    thread::scope(|scope| {
        for sender in [sender.clone(), sender] {
            scope.spawn(|| {
                let sender = sender;
                sender.send(ready(&shared, LONG)).unwrap();
            });
        }
        for _ in 0..2 {
            thread::sleep(Duration::from_millis(200));
            change(&changes);
            let told = woken.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(told, Some(PollFlags::POLLIN));
        }
    });
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn whoever_is_woken_reads_what_is_new() {
    let (server, dir) = news("0", &[]);
    let open = || File::open(dir.join("news")).unwrap();
    let (changes, files, over) = (open(), [open(), open()], AtomicBool::new(false));
    thread::scope(|scope| {
        // Somebody who reads all the time keeps the cache full, also with what is old.
        scope.spawn(|| {
            let file = open();
            while !over.load(Ordering::Relaxed) {
                file.read_at(&mut [0; 100], 0).unwrap();
            }
        });
        for number in 1..=200 {
            change(&changes);
            for file in &files {
                assert_eq!(ready(file, LONG), Some(PollFlags::POLLIN));
                let mut buffer = [0; 100];
                let length = file.read_at(&mut buffer, 0).unwrap();
                let read = String::from_utf8_lossy(&buffer[..length]);
                if read != text(number) {
                    over.store(true, Ordering::Relaxed);
                    panic!("woken for number {number}, and read: {read}");
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn ioctl_reads_writes_and_refuses() {
    let (server, dir) = news("0", &[]);
    let file = File::open(dir.join("news")).unwrap();
    // One that the kernel answers itself, for each regular file: the bytes left to read.
    let mut left = 0_i32;
    ioctl(&file, libc::FIONREAD as u32, &mut left).unwrap();
    assert_eq!(left as u64, file.metadata().unwrap().len());
    assert_eq!(count(&file), 0);
    ioctl(&file, EVERY, &mut 1_u32).unwrap();
    until("the clock runs", || count(&file) > 5);
    ioctl(&file, EVERY, &mut 0_u32).unwrap();
    // The number has the size in it: another size is another command.
    let count_in_32_bits = COUNT & !(0x3fff << 16) | 4 << 16;
    for unknown in [0x0000_6e04, count_in_32_bits, 0x4008_6e01] {
        assert_eq!(ioctl(&file, unknown, &mut 0_u64), Err(Errno::ENOTTY), "{unknown:#x}");
    }
    // An address that is none.
    // SAFETY: the kernel writes to address 8, finds nothing there, and says so.
    let fault = unsafe { libc::ioctl(file.as_raw_fd(), COUNT.into(), 8) };
    assert_eq!(Errno::result(fault), Err(Errno::EFAULT));
    let directory = File::open(&dir).unwrap();
    assert_eq!(ioctl(&directory, COUNT, &mut 0_u64), Err(Errno::ENOTTY));
    assert!(server.interrupt().unwrap().success());
}

/// A directory that grants every ioctl(2) it is asked for.
#[derive(Default)]
struct Granting(Mutex<Vec<(u32, u32)>>);

impl Filesystem for Granting {
    fn lookup(&self, _: &InHeader, _: &OsStr) -> Result<EntryOut, Errno> {
        Err(Errno::ENOENT)
    }
    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let mode = libc::S_IFDIR | 0o755;
        let attr = Attr { ino: header.nodeid, mode, nlink: 2, ..Attr::default() };
        Ok(AttrOut { attr, ..AttrOut::default() })
    }
    fn ioctl(&self, _: &InHeader, arg: &IoctlIn, _: &[u8]) -> Result<(IoctlOut, Vec<u8>), Errno> {
        self.0.lock().unwrap().push((arg.cmd, arg.flags.bits()));
        Ok((IoctlOut::default(), vec![0; arg.out_size as usize]))
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn of_a_directory_only_its_flags_are_asked() {
    const GETFLAGS: u32 = 0x8008_6601; // FS_IOC_GETFLAGS, of lsattr(1)
    let files = Files(Granting::default());
    serving(&files, |dir| {
        let dir = File::open(dir).unwrap();
        assert_eq!(ioctl(&dir, COUNT, &mut 0_u64), Err(Errno::ENOTTY));
        // Since Linux 5.13 these go another way through the kernel, with a flag of 7.18.
        let flags = ioctl(&dir, GETFLAGS, &mut 0_u64);
        let asked = files.0.0.lock().unwrap();
        match flags {
            Ok(_) => assert_eq!(*asked, [(GETFLAGS, 0x10)]),
            Err(errno) => assert_eq!((errno, &**asked), (Errno::ENOTTY, &[][..])),
        }
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn who_waits_is_woken_by_the_end() {
    let (server, dir) = news("0.01", &[]);
    let file = File::open(dir.join("news")).unwrap();
    ioctl(&file, EVERY, &mut 0_u32).unwrap();
    while ready(&file, 200).is_some() {}
    thread::scope(|scope| {
        let waiting = scope.spawn(|| ready(&file, LONG));
        thread::sleep(Duration::from_millis(100));
        assert!(server.interrupt().unwrap().success());
        assert_eq!(waiting.join().unwrap(), Some(PollFlags::POLLERR));
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn it_ends_in_the_middle_of_its_notifications() {
    for _ in 0..5 {
        let (server, dir) = news("0.001", &[]);
        let path = dir.join("news");
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| while fs::read(&path).is_ok_and(|text| !text.is_empty()) {});
            }
            thread::sleep(Duration::from_millis(100));
            assert!(server.interrupt().unwrap().success());
        });
        fs::remove_dir(&dir).unwrap();
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_client_that_waits() {
    let news = Traced::start("step09-notify", &["--every=2".as_ref()]);
    assert_recorded("step09__watch", &news.visit(&["watch", "news"], "RELEASE = ok"));
    news.end();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_client_that_waits_in_bytes() {
    let news = InBytes::start("step09-notify", &["--every=2"]);
    news.visit(&["watch", "news"], "RELEASE = ok");
    news.end("step09__watch");
}
