//! A WRITE on its way in, as step 12 takes it.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kernel_tests::played::{Play, Run, State};
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use nix::sys::stat::{major, minor};
use nix::sys::uio::pwrite;
use nix::unistd::{read, write};
use step01_device::BUFFER_SIZE;
use step02_wire::abi::*;
use step02_wire::encode;
use step03_handshake::{TracedDevice, Wishes};
use step05_server::{
    Files, Filesystem, Message, Payload, ReadPath, ReplyPath, RequestPath, WritePath,
};
use step10_pipe::{Empty, PAGE, Pipe};
use zerocopy::FromBytes;

use super::look::{Either, Outside, look, pipe_of};
use super::{assert_recorded, calls, chosen, combinations, result};
use crate::in_process::{mounted, while_served};
use crate::visitor::fresh_dir;

/// The largest WRITE, and a small one.
const LARGE: usize = 128 << 10;
const SMALL: usize = 16 << 10;
/// What is before a WRITE's data.
const HEAD: usize = 80;

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_write_s_way_is_recorded() {
    let choices = [
        ("data", ["large", "small"]),
        ("slots", ["64", "16"]),
        ("client", ["cached", "direct"]),
        ("target", ["plain", "append"]),
    ];
    let place = fresh_dir("place");
    let session = mounted();
    let device = Arc::clone(session.device());
    let player = Mutex::new(None);
    let mut inward = Recorded {
        read: ReadPath::new(Arc::clone(&device)),
        device: Arc::clone(&device),
        player: &player,
        message: vec![],
    };
    let outward: Arc<dyn ReplyPath> = Arc::new(WritePath::new(device));
    let dir = session.path().to_owned();
    let serve = || session.serve_along(&mut inward, &outward, &Wishes::default(), &Files(TwoFiles));
    let plays = while_served(&dir, serve, |dir| {
        may_be_dirty(dir);
        let play = |settings| written(dir, &place, &player, settings);
        // Any that is too small is too small in the same way.
        for slots in ["1", "2", "8", "32"] {
            let mut settings = combinations(&choices).swap_remove(0);
            settings[1].1 = slots.into();
            let play = play(settings);
            assert_eq!(calls(&play.states), expected(&play), "{slots} slots");
        }
        combinations(&choices).into_iter().map(play).collect::<Vec<_>>()
    });
    for play in &plays {
        assert_eq!(calls(&play.states), expected(play), "{:?}", play.settings);
    }
    assert_recorded("request", &plays);
}

/// What chapter 12 says of each setting.
fn expected(play: &Play) -> Vec<String> {
    let is = |name, value| chosen(play, name) == value;
    let len = if is("data", "large") { LARGE } else { SMALL };
    let whole = HEAD + len;
    let client = format!("write(file on the mount, {len})");
    let mut calls = vec![format!("{client} = waits")];
    let too_small = !is("slots", "64");
    if too_small {
        calls.extend([
            "splice(/dev/fuse → pipe, 135168) = EINVAL".into(),
            format!("read(/dev/fuse, 135168) = {whole}"),
        ]);
    } else {
        calls.extend([
            format!("splice(/dev/fuse → pipe, 135168) = {whole}"),
            format!("read(pipe, {HEAD}) = {HEAD}"),
        ]);
        if is("target", "append") {
            calls.push(format!("splice(pipe → target, {len}) = EINVAL"));
            calls.push(format!("read(pipe, {len}) = {len}"));
        } else {
            calls.push(format!("splice(pipe → target, {len}) = {len}"));
        }
    }
    if too_small || is("target", "append") {
        calls.push(format!("pwrite(target, {len}) = {len}"));
    }
    calls.extend(["write(/dev/fuse, 24) = 24".into(), format!("{client} = {len}")]);
    calls
}

/// Lets the cache of a file system have pages that are still to be written. Left to itself, the kernel
/// makes whoever changes one wait for a server that is slow: here it is the server who changes them.
fn may_be_dirty(dir: &Path) {
    let device = std::fs::metadata(dir).unwrap().dev();
    let bdi = format!("/sys/class/bdi/{}:{}", major(device), minor(device));
    for ratio in ["max_ratio", "min_ratio"] {
        let path = format!("{bdi}/{ratio}");
        let percent = if ratio == "max_ratio" { "100" } else { "50" };
        std::fs::write(&path, percent).unwrap_or_else(|e| panic!("cannot write {path}: {e}"));
    }
}

/// A client writes, and waits until the player has let it go.
fn written(
    dir: &Path,
    place: &Path,
    current: &Mutex<Option<Player>>,
    settings: Vec<(String, String)>,
) -> Play {
    let play = Play { settings, states: vec![] };
    let len = if chosen(&play, "data") == "large" { LARGE } else { SMALL };
    let cached = chosen(&play, "client") == "cached";
    let name = if cached { "cached" } else { "direct" };
    let file = File::options().read(true).write(true).open(dir.join(name)).unwrap();
    let content: Vec<u8> = (0..len).map(|n| (n * 7 + n / 4096) as u8).collect();
    let buffer = Pages::anonymous(&content);
    let pages = if cached { Pages::of(&file, len) } else { Arc::clone(&buffer) };
    let path = place.join("target");
    let mut options = File::options();
    let append = chosen(&play, "target") == "append";
    let target = options.create(true).write(true).append(append).open(&path).unwrap();
    let outside = Client { pages, content };
    *current.lock().unwrap() =
        Some(Player { play, outside, target, pipe: None, copied: 0, buffer: 0 });

    // SAFETY: the buffer is mapped, and has `len` bytes. Others change them only in atomic steps.
    let done = unsafe { libc::pwrite(file.as_raw_fd(), buffer.at.as_ptr().cast(), len, 0) };
    let done = Errno::result(done).unwrap();
    let mut player = current.lock().unwrap().take().unwrap();
    player.state(&format!("write(file on the mount, {len})"), done);
    // What was written was copied: it does not follow the client's memory any more.
    player.outside.invert();
    assert!(std::fs::read(&path).unwrap() == player.outside.content, "{:?}", player.play);
    player.outside.invert();
    std::fs::remove_file(&path).unwrap();
    player.play
}

/// A directory with two files: one is cached by the kernel, the other is opened for direct I/O.
struct TwoFiles;

fn file(node: u64) -> Attr {
    let mode = libc::S_IFREG | 0o644;
    Attr { ino: node, mode, nlink: 1, size: LARGE as u64, ..Attr::default() }
}

impl Filesystem for TwoFiles {
    fn lookup(&self, _: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        let nodeid = if name == "direct" { 3 } else { 2 };
        Ok(EntryOut { nodeid, attr: file(nodeid), ..EntryOut::default() })
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let directory = Attr { ino: 1, mode: libc::S_IFDIR | 0o755, nlink: 2, ..Attr::default() };
        let attr = if header.nodeid == 1 { directory } else { file(header.nodeid) };
        Ok(AttrOut { attr, ..AttrOut::default() })
    }

    fn open(&self, header: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        let direct = header.nodeid == 3;
        let open_flags = if direct { OpenReplyFlags::DIRECT_IO } else { OpenReplyFlags::empty() };
        Ok(OpenOut { open_flags, ..OpenOut::default() })
    }

    /// What the player changed in the cache comes as a WRITE of its own, later.
    fn write(&self, _: &InHeader, arg: &WriteIn, _: &mut dyn Payload) -> Result<u32, Errno> {
        Ok(arg.size)
    }
}

/// Requests come by read(2); but that for which a player waits comes as step 12 takes it.
struct Recorded<'a> {
    read: ReadPath,
    device: Arc<TracedDevice>,
    player: &'a Mutex<Option<Player>>,
    message: Vec<u8>,
}

impl RequestPath for Recorded<'_> {
    fn next(&mut self) -> io::Result<Option<Message<'_>>> {
        loop {
            // The client sets a player, then writes: the player is there when the request is.
            poll(&mut [PollFd::new(self.device.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
            let mut player = self.player.lock().unwrap_or_else(PoisonError::into_inner);
            match player.as_mut().filter(|player| player.play.states.is_empty()) {
                None => break,
                Some(player) => match player.take(&self.device) {
                    None => {}
                    Some(other) => {
                        self.message = other;
                        return Ok(Some(Message::in_memory(&self.message)));
                    }
                },
            }
        }
        self.read.next()
    }
}

/// One who plays, and writes down what is there after each call.
struct Player {
    play: Play,
    outside: Client,
    target: File,
    pipe: Option<Either>,
    copied: usize,
    buffer: usize,
}

impl Player {
    fn state(&mut self, call: &str, result: impl ToString) {
        let mut pipes = Vec::new();
        if let Some(pipe) = self.pipe.take() {
            let pipe = pipe.holding();
            pipes.push(look("pipe", &pipe, &mut self.outside));
            self.pipe = Some(Either::of(pipe));
        }
        let places = vec![
            ("client".to_owned(), self.outside.content.len()),
            ("buffer".to_owned(), self.buffer),
            ("target".to_owned(), self.target.metadata().unwrap().len() as usize),
        ];
        let (call, result) = (call.to_owned(), result.to_string());
        self.play.states.push(State { call, result, places, copied: self.copied, pipes });
    }

    /// Takes the next request. Returns it if it is no WRITE.
    fn take(&mut self, device: &TracedDevice) -> Option<Vec<u8>> {
        let empty: Pipe<Empty> = pipe_of(chosen(&self.play, "slots").parse().unwrap());
        let len = self.outside.content.len();
        self.pipe = Some(Either::Empty(empty));
        self.state(&format!("write(file on the mount, {len})"), "waits");
        let Some(Either::Empty(empty)) = self.pipe.take() else { panic!("it is empty") };
        let call = format!("splice(/dev/fuse → pipe, {BUFFER_SIZE})");
        let mut head = vec![0; HEAD];
        match empty.receive(device.as_fd(), BUFFER_SIZE) {
            Ok(pipe) => {
                let whole = pipe.len();
                self.pipe = Some(Either::Holding(pipe));
                if whole < HEAD + len {
                    return Some(self.other());
                }
                self.state(&call, whole);
                let held = self.play.states.last().unwrap().pipes[0].held.iter();
                let copies = held.filter(|run| run.whose == "copy");
                self.copied += copies.map(|run| run.bytes * run.times).sum::<usize>();
                self.play.states.last_mut().unwrap().copied = self.copied;
                self.head_and_data(&mut head);
            }
            Err((empty, errno)) => {
                self.pipe = Some(Either::Empty(empty));
                self.state(&call, format!("{errno:?}"));
                // Nothing was lost: here it is.
                let mut message = vec![0; BUFFER_SIZE];
                let whole = read(device, &mut message).unwrap();
                message.truncate(whole);
                if whole < HEAD + len {
                    self.pipe = None;
                    self.play.states.clear();
                    return Some(message);
                }
                self.pipe = None;
                self.copied += whole;
                self.buffer = whole;
                self.state(&format!("read(/dev/fuse, {BUFFER_SIZE})"), whole);
                head.copy_from_slice(&message[..HEAD]);
                self.pwrite(&message[HEAD..]);
            }
        }
        let (header, _) = InHeader::read_from_prefix(&head).unwrap();
        let answer = WriteOut { size: len as u32, ..WriteOut::default() };
        let reply = encode::reply_with(header.unique, &answer);
        self.copied += reply.len();
        // Written down before the client can go on.
        self.state(&format!("write(/dev/fuse, {})", reply.len()), reply.len());
        assert_eq!(write(device, &reply).unwrap(), reply.len());
        None
    }

    /// A request of another kind came first. The play begins anew.
    fn other(&mut self) -> Vec<u8> {
        self.play.states.clear();
        self.pipe.take().unwrap().holding().read_all().unwrap().0
    }

    fn head_and_data(&mut self, head: &mut [u8]) {
        let mut pipe = self.pipe.take().unwrap().holding();
        let read = pipe.read(head).unwrap();
        let len = pipe.len();
        self.pipe = Some(Either::Holding(pipe));
        self.copied += read;
        self.buffer = read;
        self.state(&format!("read(pipe, {HEAD})"), read);

        let mut pipe = self.pipe.take().unwrap().holding();
        let given = pipe.give_some(self.target.as_fd(), 0, len);
        self.pipe = Some(Either::of(pipe));
        self.copied += given.unwrap_or(0);
        self.state(&format!("splice(pipe → target, {len})"), result(given));
        if given.is_err() {
            let pipe = self.pipe.take().unwrap().holding();
            let (bytes, empty) = pipe.read_all().unwrap();
            self.pipe = Some(Either::Empty(empty));
            self.copied += bytes.len();
            self.buffer += bytes.len();
            self.state(&format!("read(pipe, {len})"), bytes.len());
            self.pwrite(&bytes);
        }
    }

    fn pwrite(&mut self, bytes: &[u8]) {
        let written = pwrite(&self.target, bytes, 0);
        self.copied += written.unwrap_or(0);
        self.state(&format!("pwrite(target, {})", bytes.len()), result(written));
    }
}

/// The pages that a client's data are in: its own, or those of the cache of its file.
struct Client {
    pages: Arc<Pages>,
    content: Vec<u8>,
}

impl Outside for Client {
    fn invert(&mut self) {
        // A byte of each page will do.
        for byte in self.pages.bytes().iter().step_by(PAGE) {
            byte.fetch_xor(0xff, Ordering::SeqCst);
        }
    }

    fn describe(&self, at: usize, bytes: &[u8], follows: bool) -> Run {
        let head = bytes.len() == HEAD;
        if !head {
            let from = at / PAGE * PAGE;
            assert!(self.content[from..].starts_with(bytes), "the bytes at {from}");
        }
        Run {
            what: if head { "header" } else { "data" }.into(),
            bytes: bytes.len(),
            whose: if follows { "client" } else { "copy" }.into(),
            says: head.then(|| u32::from_ne_bytes(bytes[..4].try_into().unwrap()) as usize),
            times: 1,
        }
    }
}

/// Mapped memory, which another thread, or the kernel, looks at too.
struct Pages {
    at: NonNull<AtomicU8>,
    len: NonZeroUsize,
}

// SAFETY: it is atomic bytes, and nobody unmaps them while it lives.
unsafe impl Send for Pages {}
// SAFETY: as above.
unsafe impl Sync for Pages {}

impl Pages {
    const ACCESS: ProtFlags = ProtFlags::PROT_READ.union(ProtFlags::PROT_WRITE);

    fn anonymous(content: &[u8]) -> Arc<Pages> {
        let len = NonZeroUsize::new(content.len()).unwrap();
        // SAFETY: a new mapping, at an address of the kernel's choice, touches no other memory.
        let at = unsafe { mmap_anonymous(None, len, Pages::ACCESS, MapFlags::MAP_SHARED) }.unwrap();
        let pages = Pages { at: at.cast(), len };
        for (to, byte) in pages.bytes().iter().zip(content) {
            to.store(*byte, Ordering::SeqCst);
        }
        Arc::new(pages)
    }

    /// The cache of a file: not touched yet, so nothing is read.
    fn of(file: &File, len: usize) -> Arc<Pages> {
        let len = NonZeroUsize::new(len).unwrap();
        // SAFETY: as above.
        let at = unsafe { mmap(None, len, Pages::ACCESS, MapFlags::MAP_SHARED, file, 0) }.unwrap();
        Arc::new(Pages { at: at.cast(), len })
    }

    fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: so many bytes are mapped, readable and writable, for as long as `self` lives.
        unsafe { slice::from_raw_parts(self.at.as_ptr(), self.len.get()) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody has kept a reference into it.
        unsafe { munmap(self.at.cast(), self.len.get()) }.unwrap();
    }
}
