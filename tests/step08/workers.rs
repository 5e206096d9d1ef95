//! Several workers on one device.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use step02_wire::abi::*;
use step03_handshake::Wishes;
use step05_server::{
    Data, Files, Filesystem, Handler, Message, ReadPath, ReplyPath, RequestPath, ServeError,
    Session, WritePath,
};
use step08_threads::{Interruptible, Interrupts, serve_many};

use super::started;
use crate::in_process::{mounted, while_served};
use crate::visitor::{fresh_dir, visit};

/// A directory with one file in it, each read(2) of which is a READ: that is answered as told.
pub struct OneFile<R>(pub R);

type Answered = fn(&InHeader) -> Result<Data, Errno>;

/// For who answers READ elsewhere.
pub const UNREAD: OneFile<Answered> = OneFile(|_| Err(Errno::EIO));

impl<R: Fn(&InHeader) -> Result<Data, Errno> + Send + Sync> Filesystem for OneFile<R> {
    fn lookup(&self, _: &InHeader, _: &OsStr) -> Result<EntryOut, Errno> {
        let attr = Attr { ino: 2, mode: libc::S_IFREG | 0o444, nlink: 1, ..Attr::default() };
        Ok(EntryOut { nodeid: 2, attr, ..EntryOut::default() })
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let (mode, nlink) = match header.nodeid {
            ROOT_ID => (libc::S_IFDIR | 0o555, 2),
            _ => (libc::S_IFREG | 0o444, 1),
        };
        let attr = Attr { ino: header.nodeid, mode, nlink, ..Attr::default() };
        Ok(AttrOut { attr, ..AttrOut::default() })
    }

    fn open(&self, _: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        Ok(OpenOut { open_flags: OpenReplyFlags::DIRECT_IO, ..OpenOut::default() })
    }

    fn read(&self, header: &InHeader, _: &ReadIn) -> Result<Data, Errno> {
        (self.0)(header)
    }
}

/// Serves in this process with so many workers while `visit` runs. Returns how many requests are in flight
/// afterwards.
pub fn served<H: Handler>(
    workers: usize,
    handler: impl FnOnce(&Arc<Interrupts>) -> H,
    visit: impl FnOnce(&Path),
) -> usize {
    let session = mounted();
    let dir = session.path().to_owned();
    let interrupts = interrupts_of(&session);
    let handler = Interruptible::new(Arc::clone(&interrupts), handler(&interrupts));
    let serve = || by_many(session, workers, &Wishes::default(), &interrupts, &handler);
    while_served(&dir, serve, visit);
    fs::remove_dir(&dir).unwrap();
    interrupts.in_flight()
}

/// What is in flight of a session that is answered by write(2).
pub fn interrupts_of(session: &Session) -> Arc<Interrupts> {
    Interrupts::new(Arc::new(WritePath::new(Arc::clone(session.device()))))
}

/// Agrees, and serves with so many workers.
pub fn by_many(
    session: Session,
    workers: usize,
    wishes: &Wishes,
    interrupts: &Arc<Interrupts>,
    handler: &dyn Handler,
) -> Result<(), ServeError> {
    session.agree(wishes)?.expect("it is still mounted");
    let device = Arc::clone(session.device());
    let outward: Arc<dyn ReplyPath> = Arc::clone(interrupts) as _;
    let mut inward = || Box::new(ReadPath::new(Arc::clone(&device))) as _;
    serve_many(session, workers.try_into().unwrap(), &mut inward, &outward, handler)
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn four_workers_do_four_things_at_once() {
    let left = served(
        4,
        |_| {
            let others = Barrier::new(4);
            Files(OneFile(move |_: &InHeader| {
                others.wait();
                Ok(Data::Bytes(b"together".to_vec()))
            }))
        },
        |dir| {
            let read = || {
                let mut file = File::open(dir.join("file")).unwrap();
                let mut buffer = [0; 8];
                file.read_exact(&mut buffer).unwrap();
                assert_eq!(&buffer, b"together");
            };
            thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(read))));
        },
    );
    assert_eq!(left, 0);
}

/// A way in that fails at its third request.
struct Failing(ReadPath, usize);

impl RequestPath for Failing {
    fn next(&mut self) -> io::Result<Option<Message<'_>>> {
        self.1 += 1;
        if self.1 == 3 { Err(Errno::EBADF.into()) } else { self.0.next() }
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_worker_that_cannot_go_on_ends_all() {
    let dir = fresh_dir("mnt");
    let session = Session::mount(&dir, "test", &[], None).unwrap();
    let device = Arc::clone(session.device());
    let outward: Arc<dyn ReplyPath> = Arc::new(WritePath::new(Arc::clone(&device)));
    let first = AtomicUsize::new(0);
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            session.agree(&Wishes::default()).unwrap().unwrap();
            let mut inward = || {
                let path = ReadPath::new(Arc::clone(&device));
                // One of them fails, the others would go on for ever.
                let begin = if first.fetch_add(1, Ordering::Relaxed) == 0 { 0 } else { 1000 };
                Box::new(Failing(path, begin)) as _
            };
            let workers = NonZeroUsize::new(4).unwrap();
            serve_many(session, workers, &mut inward, &outward, &Files(UNREAD))
        });
        while !server.is_finished() {
            let _ = fs::metadata(dir.join("file"));
        }
        let error = server.join().unwrap().unwrap_err();
        assert!(error.to_string().contains("cannot go on"), "{error}");
    });
    fs::remove_dir(&dir).expect("it is unmounted");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_background_is_as_large_as_agreed() {
    let control = fresh_dir("control");
    mount(Some("fusectl"), &control, Some("fusectl"), MsFlags::empty(), None::<&str>).unwrap();
    let (server, dir) = started("step08-threads", &["--background", "40"], &[]);
    assert!(visit("ls", &dir).status.success());
    // A connection has the number of its file system's device.
    let connection = control.join(nix::libc::minor(fs::metadata(&dir).unwrap().dev()).to_string());
    let value = |name: &str| fs::read_to_string(connection.join(name)).unwrap();
    assert_eq!(value("max_background"), "40\n");
    assert_eq!(value("congestion_threshold"), "30\n");
    assert!(server.interrupt().unwrap().success());
    umount2(&control, MntFlags::MNT_DETACH).unwrap();
}
