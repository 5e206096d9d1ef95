//! Each opcode, provoked by a client.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access, mkfifo};
use step02_wire::abi::*;
use step02_wire::{Opcode, Operation};
use step05_server::{Answer, Files, Handler, Owed, Request, Session};
use step06_memfs::Memfs;
use step08_threads::{Interrupts, Locks};
use zerocopy::IntoBytes;

use super::seen_by;
use crate::signalled::{handle_signals, signal};
use crate::step09::disk::{fibmap, on_a_disk};
use crate::visitor::{fresh_dir, until};
use crate::xattrs;

/// A memfs that answers what memfs has no use for.
struct All {
    memfs: Files<Memfs>,
    interrupts: Arc<Interrupts>,
}

impl Handler for All {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        match &request.operation {
            Operation::Access { .. } => owed.answer(Ok(Answer::empty())),
            Operation::Bmap { arg } => {
                owed.answer(Ok(Answer::of(&BmapOut { block: arg.block + 100 })))
            }
            Operation::Ioctl { .. } => {
                let out = IoctlOut { result: 7, ..IoctlOut::default() };
                owed.answer(Ok(Answer::from(out.as_bytes().to_vec())));
            }
            Operation::Poll { .. } => {
                owed.answer(Ok(Answer::of(&PollOut { revents: libc::POLLIN as u32, padding: 0 })));
            }
            // From this offset on nothing comes, until a signal does.
            Operation::Read { arg } if arg.offset == ENDLESS => {
                let unique = owed.unique();
                self.interrupts.on_interrupt(unique, move || owed.answer(Err(Errno::EINTR)));
            }
            _ => self.memfs.handle(request, owed),
        }
    }
}

const ENDLESS: u64 = 1 << 20;

fn all(interrupts: &Arc<Interrupts>) -> Locks<All> {
    let memfs = Files(Memfs::new(16 << 20));
    Locks::new(Arc::clone(interrupts), All { memfs, interrupts: Arc::clone(interrupts) })
}

/// What a program may do to a file system.
fn use_all_of(dir: &Path) {
    let at = |name: &str| dir.join(name);
    // names
    fs::create_dir(at("dir")).unwrap();
    mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
    symlink("target", at("link")).unwrap();
    assert_eq!(fs::read_link(at("link")).unwrap().as_os_str(), "target");
    fs::write(at("file"), "content").unwrap();
    fs::hard_link(at("file"), at("again")).unwrap();
    fs::rename(at("again"), at("renamed")).unwrap();
    fs::remove_file(at("renamed")).unwrap();
    fs::remove_dir(at("dir")).unwrap();
    // attributes
    access(&at("file"), AccessFlags::R_OK).unwrap();
    fs::set_permissions(at("file"), fs::metadata(at("file")).unwrap().permissions()).unwrap();
    xattrs::set(&at("file"), "user.name", b"value", 0).unwrap();
    assert_eq!(xattrs::get(&at("file"), "user.name", 10).unwrap(), b"value");
    xattrs::list(&at("file")).unwrap();
    xattrs::remove(&at("file"), "user.name").unwrap();
    statvfs(dir).unwrap();
    // an open file
    let mut file = File::options().read(true).write(true).open(at("file")).unwrap();
    file.write_all(b"CONTENT").unwrap();
    file.sync_all().unwrap();
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).unwrap();
    lock.l_type = libc::F_WRLCK as i16;
    fcntl(&file, FcntlArg::F_SETLK(&lock)).unwrap();
    fcntl(&file, FcntlArg::F_SETLKW(&lock)).unwrap();
    // SAFETY: _IO('7', 14) has no argument; the descriptor is open.
    assert_eq!(unsafe { libc::ioctl(file.as_raw_fd(), (b'7' as libc::c_ulong) << 8 | 14) }, 7);
    let mut polled = [PollFd::new(std::os::fd::AsFd::as_fd(&file), PollFlags::POLLIN)];
    assert_eq!(poll(&mut polled, PollTimeout::NONE).unwrap(), 1);
    // an open directory
    assert!(fs::read_dir(dir).unwrap().count() > 1);
    File::open(dir).unwrap().sync_all().unwrap();
    drop(file);
    give_up(&at("endless"));
}

/// A READ that a signal ends.
fn give_up(path: &Path) {
    handle_signals();
    File::create(path).unwrap().set_len(ENDLESS + 4096).unwrap();
    let path = CString::new(path.to_str().unwrap()).unwrap();
    // Past the cache, for there nobody is interrupted.
    let flags = libc::O_RDONLY | libc::O_DIRECT;
    // SAFETY: a C string that outlives the call.
    let fd = Errno::result(unsafe { libc::open(path.as_ptr(), flags) }).unwrap();
    let reader = thread::spawn(move || {
        #[repr(align(4096))]
        struct Page([u8; 4096]);
        let mut page = Page([0; 4096]);
        // SAFETY: the page is ours, and 4096 bytes long; the descriptor is open.
        let read = unsafe { libc::pread(fd, page.0.as_mut_ptr().cast(), 4096, ENDLESS as i64) };
        Errno::result(read).unwrap_err()
    });
    while !reader.is_finished() {
        signal(&reader);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(reader.join().unwrap(), Errno::EINTR);
    // SAFETY: it is ours, and not used any more.
    unsafe { libc::close(fd) };
}

/// What no mount of a file system can provoke.
const NEVER: [(Opcode, &str); 2] = [
    (Opcode::CuseInit, "comes to /dev/cuse alone, which makes character devices"),
    (Opcode::Init, "comes before any handler: each test here has had it"),
];

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn each_opcode_comes_through_a_kernel() {
    let session = Session::mount(&fresh_dir("all"), "test", &[], None).unwrap();
    let flags = InitFlags::POSIX_LOCKS | InitFlags::BIG_WRITES | InitFlags::ASYNC_READ;
    let mut seen = seen_by(session, flags, all, |dir, seen| {
        use_all_of(dir);
        until("FORGET", || seen.lock().unwrap().iter().any(|(op, _)| *op == Opcode::Forget as u32));
        until("RELEASE", || {
            seen.lock().unwrap().iter().any(|(op, _)| *op == Opcode::Release as u32)
        });
    });

    // A disk's file system, on a disk of its own.
    let (session, _loop) = on_a_disk(&[]);
    seen.extend(seen_by(session, flags, all, |dir, _| {
        let path = dir.join("file");
        File::create(&path).unwrap().set_len(1 << 16).unwrap();
        assert_eq!(fibmap(&File::open(path).unwrap(), 3), Ok(103));
    }));

    let seen: BTreeSet<u32> = seen.into_iter().map(|(opcode, _)| opcode).collect();
    let missing: Vec<_> = Opcode::ALL
        .iter()
        .filter(|opcode| !seen.contains(&(**opcode as u32)))
        .filter(|opcode| NEVER.iter().all(|(never, _)| never != *opcode))
        .collect();
    assert!(missing.is_empty(), "nothing here provokes {missing:?}");
    for (opcode, reason) in NEVER {
        assert!(!seen.contains(&(opcode as u32)), "{opcode} came, though it {reason}");
    }
}
