//! The news without a kernel: requests and errands go in, answers and notifications come out.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use step01_device::Device;
use step02_wire::abi::*;
use step02_wire::reply::{Notification, decode_notification};
use step02_wire::{Opcode, decode, dirents};
use step03_handshake::TracedDevice;
use step05_server::{
    Answer, Data, Files, Handler, Message, Owed, ReplyPath, Request, body_of_the_answer,
};
use zerocopy::{FromBytes, IntoBytes};

use crate::*;

/// The kernel's end of a device: a socket that keeps messages apart.
struct Heard(UnixDatagram);

fn device() -> (Notifier, Heard) {
    let (ours, theirs) = UnixDatagram::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let device = TracedDevice::new(Device::from(OwnedFd::from(ours)), None);
    (Notifier::new(Arc::new(device)), Heard(theirs))
}

impl Heard {
    fn bytes(&self) -> Option<Vec<u8>> {
        let mut message = [0; 256];
        let length = self.0.recv(&mut message).ok()?;
        Some(message[..length].to_vec())
    }

    /// All that was said up to now, as a trace shows it.
    fn all(&self) -> Vec<String> {
        let told = |bytes: Vec<u8>| match decode_notification(&bytes).unwrap() {
            Notification::Poll(out) => format!("poll {}", out.kh),
            Notification::InvalInode(out) => format!("inode {} {} {}", out.ino, out.off, out.len),
            Notification::InvalEntry(out, name) => format!("entry {} {name:?}", out.parent),
            Notification::Unknown(..) => panic!("{bytes:?}"),
        };
        std::iter::from_fn(|| self.bytes()).map(told).collect()
    }
}

#[test]
fn a_notification_is_one_message() {
    let (notifier, heard) = device();
    assert_eq!(notifier.inval_inode(2, 4096, 1).unwrap(), Told::Done);
    let expected = b"\x28\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\x01\0\0\0\0\0\0\0";
    assert_eq!(heard.bytes().unwrap(), expected);
    assert_eq!(notifier.poll(7).unwrap(), Told::Done);
    assert_eq!(heard.bytes().unwrap(), b"\x18\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0");
    notifier.inval_attributes(2).unwrap();
    notifier.inval_entry(1, "a name".as_ref()).unwrap();
    assert_eq!(heard.all(), ["inode 2 -1 0", "entry 1 \"a name\""]);
}

#[test]
fn what_the_kernel_does_not_take_is_an_error() {
    let (reader, _writer) = io::pipe().unwrap();
    let device = TracedDevice::new(Device::from(OwnedFd::from(reader)), None);
    let error = Notifier::new(Arc::new(device)).poll(1).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
}

#[test]
fn a_queue_keeps_the_order_and_never_waits() {
    let (notifier, heard) = device();
    let (queue, courier) = Queue::start(notifier).unwrap();
    let (go_on, stuck) = channel::<()>();
    queue.put(move |_| stuck.recv().map_err(io::Error::other));
    for kh in 0..100 {
        queue.put(move |kernel| kernel.poll(kh).map(drop));
    }
    assert_eq!(heard.all(), Vec::<String>::new());
    go_on.send(()).unwrap();
    drop(courier);
    assert_eq!(heard.all(), (0..100).map(|kh| format!("poll {kh}")).collect::<Vec<_>>());
}

#[test]
fn an_errand_that_fails_or_panics_is_not_the_last() {
    let (notifier, heard) = device();
    let (queue, courier) = Queue::start(notifier).unwrap();
    queue.put(|_| Err(Errno::ENOMEM.into()));
    queue.put(|_| panic!("on purpose"));
    queue.put(|kernel| kernel.poll(1).map(drop));
    drop(courier);
    assert_eq!(heard.all(), ["poll 1"]);
}

#[test]
fn after_the_end_of_the_courier_errands_are_dropped_and_the_device_is_closed() {
    let (notifier, heard) = device();
    let (queue, courier) = Queue::start(notifier).unwrap();
    drop(courier);
    let held = Arc::new(());
    let copy = Arc::clone(&held);
    queue.put(move |kernel| kernel.poll(Arc::strong_count(&copy) as u64).map(drop));
    assert_eq!(Arc::strong_count(&held), 1);
    assert_eq!(
        heard.0.send(b"anybody there?").unwrap_err().raw_os_error(),
        Some(libc::ECONNREFUSED)
    );
}

fn poll_in(fh: u64, kh: u64, flags: PollFlags) -> PollIn {
    PollIn { fh, kh, flags, ..PollIn::default() }
}

#[test]
fn who_waits_is_woken_once_and_who_only_looks_is_not() {
    let (notifier, heard) = device();
    let polls = Polls::default();
    for kh in [5, 6, 6, 8] {
        polls.wait(&poll_in(kh * 10, kh, PollFlags::SCHEDULE_NOTIFY));
    }
    polls.wait(&poll_in(70, 7, PollFlags::empty()));
    polls.forget(80);
    polls.wake(&notifier).unwrap();
    assert_eq!(heard.all(), ["poll 5", "poll 6"]);
    polls.wake(&notifier).unwrap();
    assert_eq!(heard.all(), Vec::<String>::new());
}

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

/// The news, and a kernel that asks as it likes.
struct Kernel {
    news: Files<News>,
    heard: Heard,
    courier: Option<Courier>,
}

fn kernel() -> Kernel {
    let (notifier, heard) = device();
    let (queue, courier) = Queue::start(notifier).unwrap();
    Kernel { news: Files(News::new(Some(queue), Duration::ZERO)), heard, courier: Some(courier) }
}

impl Kernel {
    fn ask(&self, opcode: Opcode, nodeid: u64, body: &[&[u8]]) -> Result<Vec<u8>, Errno> {
        let body = body.concat();
        let len = (InHeader::SIZE + body.len()) as u32;
        let header =
            InHeader { len, opcode: opcode as u32, unique: 1, nodeid, ..InHeader::default() };
        let bytes = [header.as_bytes(), &body].concat();
        let mut message = Message::in_memory(&bytes);
        let (header, operation) = decode(message.head).unwrap();
        let kept = Arc::new(Kept::default());
        let path: Arc<dyn ReplyPath> = Arc::clone(&kept) as Arc<dyn ReplyPath>;
        let owed = Owed::new(header.unique, body_of_the_answer(&operation), path);
        let request = Request { header: &header, operation, payload: &mut *message.payload };
        self.news.handle(request, owed);
        kept.0.lock().unwrap().take().unwrap()
    }

    fn lookup(&self, name: &[u8]) -> Result<EntryOut, Errno> {
        let entry = self.ask(Opcode::Lookup, ROOT_ID, &[name, b"\0"])?;
        Ok(EntryOut::read_from_bytes(&entry).unwrap())
    }

    fn open(&self, nodeid: u64, flags: libc::c_int) -> Result<OpenOut, Errno> {
        let arg = OpenIn { flags: flags as u32, ..OpenIn::default() };
        Ok(OpenOut::read_from_bytes(&self.ask(Opcode::Open, nodeid, &[arg.as_bytes()])?).unwrap())
    }

    fn read(&self, nodeid: u64, offset: u64, size: u32) -> String {
        let arg = ReadIn { offset, size, ..ReadIn::default() };
        let bytes = self.ask(Opcode::Read, nodeid, &[arg.as_bytes()]).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn poll(&self, fh: u64, kh: u64) -> Result<u32, Errno> {
        let arg = poll_in(fh, kh, PollFlags::SCHEDULE_NOTIFY);
        let answer = self.ask(Opcode::Poll, 2, &[arg.as_bytes()])?;
        Ok(PollOut::read_from_bytes(&answer).unwrap().revents)
    }

    fn ioctl(&self, nodeid: u64, cmd: u32, data: &[u8], out_size: u32) -> Result<Vec<u8>, Errno> {
        let in_size = data.len() as u32;
        let arg = IoctlIn { cmd, in_size, out_size, ..IoctlIn::default() };
        let answer = self.ask(Opcode::Ioctl, nodeid, &[arg.as_bytes(), data])?;
        assert_eq!(answer[..IoctlOut::SIZE], [0; IoctlOut::SIZE]);
        Ok(answer[IoctlOut::SIZE..].to_vec())
    }

    /// Waits until all errands are done.
    fn done(&mut self) {
        self.courier.take();
    }
}

const READY: u32 = (libc::POLLIN | libc::POLLRDNORM) as u32;

#[test]
fn a_change_is_told_in_this_order() {
    let mut kernel = kernel();
    let open = kernel.open(2, libc::O_RDONLY).unwrap();
    assert_eq!(kernel.poll(open.fh, 77), Ok(0));
    // Who has left is not woken.
    let closed = kernel.open(2, libc::O_RDONLY).unwrap();
    assert_eq!(kernel.poll(closed.fh, 78), Ok(0));
    let release = ReleaseIn { fh: closed.fh, ..ReleaseIn::default() };
    kernel.ask(Opcode::Release, 2, &[release.as_bytes()]).unwrap();
    kernel.news.0.change();
    kernel.done();
    let told = ["inode 2 0 0", "entry 1 \"flash\"", "inode 1 -1 0", "poll 77"];
    assert_eq!(kernel.heard.all(), told, "77 waits, 78 has left");
}

#[test]
fn nobody_hears_of_a_change_before_the_kernel_does() {
    let (notifier, _heard) = device();
    let (queue, courier) = Queue::start(notifier).unwrap();
    let (go_on, stuck) = channel::<()>();
    queue.put(move |_| stuck.recv().map_err(io::Error::other));
    let kernel = Kernel { news: Files(News::new(Some(queue), Duration::ZERO)), ..kernel() };
    let open = kernel.open(2, libc::O_RDONLY).unwrap();
    kernel.news.0.change();
    assert_eq!(kernel.read(2, 0, 100), "This is news number 0001.\n");
    assert_eq!(kernel.poll(open.fh, 1), Ok(0), "its errand is still on the way");
    let opened_meanwhile = kernel.open(2, libc::O_RDONLY).unwrap();
    go_on.send(()).unwrap();
    drop(courier);
    for fh in [open.fh, opened_meanwhile.fh] {
        assert_eq!(kernel.poll(fh, fh), Ok(READY), "handle {fh} has still to hear of it");
    }
}

#[test]
fn each_change_is_told_once_to_each_open_file() {
    let mut kernel = kernel();
    let (one, two) = (kernel.open(2, 0).unwrap(), kernel.open(2, 0).unwrap());
    assert_ne!(one.fh, two.fh, "two open files have two handles");
    kernel.news.0.change();
    kernel.news.0.change();
    kernel.done();
    let late = kernel.open(2, 0).unwrap();
    for (fh, told) in [(one.fh, READY), (one.fh, 0), (two.fh, READY), (two.fh, 0), (late.fh, 0)] {
        assert_eq!(kernel.poll(fh, fh), Ok(told), "handle {fh}");
    }
    let release = ReleaseIn { fh: one.fh, ..ReleaseIn::default() };
    kernel.ask(Opcode::Release, 2, &[release.as_bytes()]).unwrap();
    assert_eq!(kernel.poll(one.fh, 1), Err(Errno::EBADF), "it was released");
}

#[test]
fn a_name_that_is_not_there_may_be_believed_too() {
    let kernel = kernel();
    let missing = kernel.lookup(b"flash").unwrap();
    assert_eq!((missing.nodeid, missing.entry_valid), (0, 3600));
    assert_eq!(kernel.lookup(b"other"), Err(Errno::ENOENT));
    kernel.news.0.change();
    let there = kernel.lookup(b"flash").unwrap();
    assert_eq!((there.nodeid, there.entry_valid, there.attr.nlink), (3, 3600, 1));
    assert_eq!(there.attr.size as usize, kernel.read(3, 0, 100).len());
    assert_eq!(kernel.read(3, 7, 5), "on th");
    assert_eq!(kernel.read(3, u64::MAX, 5), "");
    assert!(
        kernel.open(3, libc::O_RDONLY).unwrap().open_flags.contains(OpenReplyFlags::KEEP_CACHE)
    );
}

#[test]
fn a_listing_has_what_is_there_now() {
    let kernel = kernel();
    let names = |offset| {
        let arg = ReadIn { offset, size: 4096, ..ReadIn::default() };
        let listing = kernel.ask(Opcode::Readdir, ROOT_ID, &[arg.as_bytes()]).unwrap();
        let names = dirents(&listing).map(|entry| entry.1.to_str().unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(0), ". .. news");
    kernel.news.0.change();
    assert_eq!(names(0), ". .. news flash");
    assert_eq!(names(3), "flash");
    assert_eq!(names(u64::MAX), "");
}

#[test]
fn an_ioctl_is_a_number_with_a_size_in_it() {
    // linux/ioctl.h: direction, size, type and number, from the top.
    assert_eq!([COUNT, EVERY, NOW], [0x8008_6e01, 0x4004_6e02, 0x0000_6e03]);
    let kernel = kernel();
    assert_eq!(kernel.ioctl(2, NOW, b"", 0), Ok(Vec::new()));
    assert_eq!(kernel.ioctl(2, COUNT, b"", 8), Ok(1_u64.to_ne_bytes().to_vec()));
    assert_eq!(kernel.ioctl(2, EVERY, &5_u32.to_ne_bytes(), 0), Ok(Vec::new()));
    assert_eq!(kernel.ioctl(2, EVERY, b"abc", 0), Err(Errno::EINVAL));
    assert_eq!(kernel.ioctl(2, COUNT + 1, b"", 8), Err(Errno::ENOTTY));
    for node in [ROOT_ID, 3] {
        assert_eq!(kernel.ioctl(node, COUNT, b"", 8), Err(Errno::ENOTTY));
    }
}

#[test]
fn the_clock_can_be_set_and_ends() {
    let kernel = Arc::new(kernel());
    let news = Arc::clone(&kernel);
    // No scope: that would wait for a clock which is wrong.
    let clock = thread::spawn(move || news.news.0.change_by_itself());
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < Duration::from_secs(10), "never came: {what}");
            thread::sleep(Duration::from_millis(1));
        }
    };
    // Every 0 milliseconds: never.
    thread::sleep(Duration::from_millis(50));
    assert_eq!(kernel.news.0.changes(), 0, "an interval of 0 is never over");
    // A new one is no tick yet, though it wakes whoever waits for the old one.
    kernel.ioctl(2, EVERY, &3_600_000_u32.to_ne_bytes(), 0).unwrap();
    thread::sleep(Duration::from_millis(50));
    assert_eq!(kernel.news.0.changes(), 0, "the new interval has only begun");
    kernel.ioctl(2, EVERY, &1_u32.to_ne_bytes(), 0).unwrap();
    until("it ticks", &|| kernel.news.0.changes() >= 3);
    // Nobody waits for an old interval, however long it was.
    kernel.ioctl(2, EVERY, &3_600_000_u32.to_ne_bytes(), 0).unwrap();
    let changes = kernel.news.0.changes();
    kernel.ioctl(2, EVERY, &1_u32.to_ne_bytes(), 0).unwrap();
    until("it ticks again", &|| kernel.news.0.changes() > changes + 3);
    kernel.ioctl(2, EVERY, &0_u32.to_ne_bytes(), 0).unwrap();
    kernel.news.0.end();
    until("it ends", &|| clock.is_finished());
    clock.join().unwrap();
}

#[test]
fn it_is_not_written() {
    let kernel = kernel();
    assert_eq!(kernel.open(2, libc::O_WRONLY), Err(Errno::EROFS));
    assert_eq!(kernel.open(2, libc::O_RDWR), Err(Errno::EROFS));
}
