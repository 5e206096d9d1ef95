//! Each flag of INIT, and each of the answer to OPEN: what is different with it?

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, PosixFadviseAdvice, fcntl, posix_fadvise};
use nix::libc;
use nix::sys::stat::{Mode, umask};
use step02_wire::Operation;
use step02_wire::abi::*;
use step05_server::{Answer, Data, Files, Filesystem, Handler, Owed, Request, Session};
use step06_memfs::Memfs;

use super::{Seen, seen_by};
use crate::visitor::fresh_dir;

/// Was such a request seen?
fn came(seen: &[(u32, String)], what: &str, with: &str) -> bool {
    seen.iter().any(|(_, told)| told.starts_with(what) && told.contains(with))
}

/// What a memfs sees of `visit` when these flags are agreed on.
fn memfs(flags: InitFlags, visit: impl FnOnce(&Path)) -> Vec<(u32, String)> {
    let session = Session::mount(&fresh_dir("mnt"), "test", &[], None).unwrap();
    let dir = session.path().to_owned();
    let handler = |_: &_| Files(Memfs::new(16 << 20));
    let seen = seen_by(session, flags, handler, |dir, _| visit(dir));
    fs::remove_dir(dir).unwrap();
    seen
}

fn posix_locks(flags: InitFlags) -> bool {
    let seen = memfs(flags, |dir| {
        let file = File::create(dir.join("file")).unwrap();
        // SAFETY: all zeros are a lock: F_RDLCK, SEEK_SET, of all the file.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = libc::F_WRLCK as i16;
        // memfs has no locks: what comes to it fails.
        let _ = fcntl(&file, FcntlArg::F_SETLK(&lock));
    });
    came(&seen, "Setlk", "")
}

fn atomic_o_trunc(flags: InitFlags) -> bool {
    let seen = memfs(flags, |dir| {
        fs::write(dir.join("file"), "content").unwrap();
        File::create(dir.join("file")).unwrap();
    });
    !came(&seen, "Setattr", "SIZE")
}

fn big_writes(flags: InitFlags) -> bool {
    let seen = memfs(flags, |dir| {
        File::create(dir.join("file")).unwrap().write_all(&[7; 1 << 16]).unwrap();
    });
    came(&seen, "Write", "size: 65536")
}

fn dont_mask(flags: InitFlags) -> bool {
    let seen = memfs(flags, |dir| {
        let before = umask(Mode::from_bits_truncate(0o77));
        File::create(dir.join("file")).unwrap();
        umask(before);
    });
    // 0o100666 with the umask still to be taken away, or 0o100600.
    came(&seen, "Create", &format!("mode: {}", 0o100_666))
}

/// A file is opened by its handle (open_by_handle_at(2)) after the kernel has forgotten it: it must ask for
/// the node `.` in that node.
fn export_support(flags: InitFlags) -> bool {
    let session = Session::mount(&fresh_dir("mnt"), "test", &[], None).unwrap();
    let dir = session.path().to_owned();
    let handler = |_: &_| Files(Memfs::new(16 << 20));
    let seen = seen_by(session, flags, handler, |dir, seen: &Seen| {
        let path = dir.join("file");
        File::create(&path).unwrap();
        let handle = handle_of(&path);
        let forgotten = || came(&seen.lock().unwrap(), "Forget", "");
        crate::visitor::until("FORGET", || {
            fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
            forgotten()
        });
        let root = File::open(dir).unwrap();
        // SAFETY: the handle is one, and outlives the call; the descriptor is open.
        let opened = unsafe {
            libc::syscall(
                libc::SYS_open_by_handle_at,
                root.as_raw_fd(),
                handle.as_ptr(),
                libc::O_RDONLY,
            )
        };
        if let Ok(fd) = Errno::result(opened) {
            // SAFETY: it is ours, and used nowhere else.
            unsafe { libc::close(fd as i32) };
        }
    });
    fs::remove_dir(dir).unwrap();
    came(&seen, "Lookup", "\".\"")
}

/// name_to_handle_at(2): a `struct file_handle`, whose first word is the room behind its head.
fn handle_of(path: &Path) -> Vec<u32> {
    const ROOM: u32 = 64;
    let mut handle = vec![0_u32; 2 + ROOM as usize / 4];
    handle[0] = ROOM;
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    let mut mount: libc::c_int = 0;
    // SAFETY: a C string, a handle with as much room as it says, and an int; all outlive the call.
    let done = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            libc::AT_FDCWD,
            path.as_ptr(),
            handle.as_mut_ptr(),
            &mut mount,
            0,
        )
    };
    Errno::result(done).unwrap();
    handle
}

/// One large file. A READ is answered only after a while, so that one can see whether another comes
/// meanwhile.
struct Slow(Arc<Mutex<(usize, usize)>>);

impl Handler for Slow {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        let Operation::Read { arg } = &request.operation else {
            return Files(Large(OpenReplyFlags::empty())).handle(request, owed);
        };
        let (size, counts) = (arg.size as usize, Arc::clone(&self.0));
        {
            let mut counts = counts.lock().unwrap();
            counts.0 += 1;
            counts.1 = counts.1.max(counts.0);
        }
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(200));
            counts.lock().unwrap().0 -= 1;
            owed.answer(Ok(Answer::from(vec![7; size])));
        });
    }
}

const LARGE: u64 = 1 << 20;

/// A large file, opened with these flags.
struct Large(OpenReplyFlags);

impl Filesystem for Large {
    fn lookup(&self, header: &InHeader, _: &OsStr) -> Result<EntryOut, Errno> {
        let node = InHeader { nodeid: 2, ..*header };
        let AttrOut { attr, .. } = self.getattr(&node, &GetattrIn::default())?;
        Ok(EntryOut { nodeid: 2, attr, attr_valid: 3600, entry_valid: 3600, ..EntryOut::default() })
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let (mode, size) = match header.nodeid {
            ROOT_ID => (libc::S_IFDIR | 0o555, 0),
            _ => (libc::S_IFREG | 0o444, LARGE),
        };
        let attr = Attr { ino: header.nodeid, mode, nlink: 1, size, ..Attr::default() };
        Ok(AttrOut { attr, attr_valid: 3600, ..AttrOut::default() })
    }

    fn open(&self, _: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        Ok(OpenOut { open_flags: self.0, ..OpenOut::default() })
    }

    fn read(&self, _: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        Ok(Data::Bytes(vec![7; arg.size as usize]))
    }
}

fn async_read(flags: InitFlags) -> bool {
    let counts = Arc::new(Mutex::new((0, 0)));
    let session = Session::mount(&fresh_dir("mnt"), "test", &[], None).unwrap();
    let dir = session.path().to_owned();
    seen_by(
        session,
        flags,
        |_| Slow(Arc::clone(&counts)),
        |dir, _| {
            let mut file = File::open(dir.join("file")).unwrap();
            let advice = PosixFadviseAdvice::POSIX_FADV_WILLNEED;
            posix_fadvise(&file, 0, LARGE as i64, advice).unwrap();
            file.read_exact(&mut vec![0; LARGE as usize]).unwrap();
        },
    );
    fs::remove_dir(dir).unwrap();
    let most = counts.lock().unwrap().1;
    most > 1
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn each_flag_of_init_makes_a_difference() {
    type Effect = fn(InitFlags) -> bool;
    let effects: [(InitFlags, Effect); 6] = [
        (InitFlags::ASYNC_READ, async_read),
        (InitFlags::POSIX_LOCKS, posix_locks),
        (InitFlags::ATOMIC_O_TRUNC, atomic_o_trunc),
        (InitFlags::EXPORT_SUPPORT, export_support),
        (InitFlags::BIG_WRITES, big_writes),
        (InitFlags::DONT_MASK, dont_mask),
    ];
    // FILE_OPS is reserved: no kernel offers it, so nothing can be agreed on.
    let mut all = InitFlags::FILE_OPS;
    for (flag, effect) in effects {
        assert!(effect(flag), "with {flag}");
        assert!(!effect(InitFlags::empty()), "without {flag}");
        all |= flag;
    }
    assert!(all == InitFlags::all(), "nothing here is about {}", InitFlags::all() - all);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn each_flag_of_open_makes_a_difference() {
    let with = |flags: OpenReplyFlags, visit: fn(&Path)| {
        let session = Session::mount(&fresh_dir("mnt"), "test", &[], None).unwrap();
        let dir = session.path().to_owned();
        let handler = |_: &_| Files(Large(flags));
        let wishes = InitFlags::ASYNC_READ;
        let seen = seen_by(session, wishes, handler, |dir, _| visit(&dir.join("file")));
        fs::remove_dir(dir).unwrap();
        seen.iter().filter(|(_, told)| told.starts_with("Read {")).count()
    };
    // The first page, twice through one open file.
    let twice: fn(&Path) = |path| {
        let mut file = File::open(path).unwrap();
        for _ in 0..2 {
            file.seek(SeekFrom::Start(0)).unwrap();
            file.read_exact(&mut [0; 4096]).unwrap();
        }
    };
    // And through two.
    let anew: fn(&Path) = |path| {
        for _ in 0..2 {
            File::open(path).unwrap().read_exact(&mut [0; 4096]).unwrap();
        }
    };
    let cached = with(OpenReplyFlags::empty(), twice);
    assert_eq!(with(OpenReplyFlags::DIRECT_IO, twice), 2, "each read(2) is a READ");
    assert_eq!(with(OpenReplyFlags::empty(), anew), 2 * cached, "an open empties the cache");
    assert_eq!(with(OpenReplyFlags::KEEP_CACHE, anew), cached, "it does not");
    with(OpenReplyFlags::empty(), |path| {
        File::open(path).unwrap().seek(SeekFrom::Start(1)).unwrap();
    });
    with(OpenReplyFlags::NONSEEKABLE, |path| {
        let error = File::open(path).unwrap().seek(SeekFrom::Start(1)).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ESPIPE));
    });
    let all = OpenReplyFlags::DIRECT_IO | OpenReplyFlags::KEEP_CACHE | OpenReplyFlags::NONSEEKABLE;
    assert!(all == OpenReplyFlags::all());
}
