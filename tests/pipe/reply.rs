//! The answer to a READ, as step 11 builds it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use kernel_tests::played::{self, Play, Run, State};
use nix::errno::Errno;
use nix::fcntl::SpliceFFlags;
use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, write};
use step02_wire::Operation;
use step02_wire::abi::*;
use step05_server::{Files, Filesystem, Handler, Owed, Request};
use step10_pipe::{PAGE, SLOT_SIZE, Slot, Stop};
use zerocopy::IntoBytes;

use super::look::{Either, Outside, look, pipe_of};
use super::{assert_recorded, calls, chosen, combinations, result};
use crate::in_process::{mounted, serving_on};

/// What the client asks for, and what a file has that ends before that.
const ASKED: usize = 128 << 10;
const SHORT: usize = 40_000;

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn an_answer_s_way_is_recorded() {
    let choices = [
        ("strategy", ["patch", "optimistic"]),
        ("data", ["short", "whole"]),
        ("slots", ["16", "64"]),
        ("memory", ["shared", "private"]),
        ("fork", ["no", "yes"]),
    ];
    let session = mounted();
    let device = Arc::clone(session.device());
    let handler = Acting { player: Mutex::new(None), device: device.as_fd() };
    let plays = serving_on(session, &handler, |dir| {
        drop(File::open(dir.join("file")).unwrap());
        let mut client = File::open(dir.join("file")).unwrap();
        let play = |settings| {
            *handler.player.lock().unwrap() = Some(Player::new(settings));
            // From the start of a page on: else one READ of so many bytes would touch too many.
            let mut buffer = vec![0; ASKED + PAGE];
            let start = buffer.as_ptr().align_offset(PAGE);
            let buffer = &mut buffer[start..][..ASKED];
            let got = client.read(buffer).unwrap();
            let mut player = handler.player.lock().unwrap().take().unwrap();
            // What was given was copied: it does not follow the file any more.
            player.outside.invert();
            player.outside.invert();
            assert!(buffer[..got] == player.outside.content, "{:?}", player.play);
            player.client = got;
            player.state("read(file on the mount, 131072)", got);
            player.play
        };
        combinations(&choices).into_iter().map(play).collect::<Vec<_>>()
    });
    for play in &plays {
        assert_eq!(calls(&play.states), expected(play), "{:?}", play.settings);
    }
    assert_recorded("reply", &plays);
}

/// What chapters 10 and 11 say of each setting.
fn expected(play: &Play) -> Vec<String> {
    let is = |name, value| chosen(play, name) == value;
    let (patch, short) = (is("strategy", "patch"), is("data", "short"));
    let have = if short { SHORT } else { ASKED };
    let full = !short && is("slots", "16");
    // The page that the pipe refers to is no longer ours.
    let lost = patch && short && is("memory", "private") && is("fork", "yes");
    let message = have + SLOT_SIZE;
    let mut calls = vec![
        "read(file on the mount, 131072) = waits".to_owned(),
        format!("{}(header → pipe, 16) = 16", if patch { "vmsplice" } else { "write" }),
        match (short, full) {
            (true, _) => "splice(file → pipe, 131072) = 40000, then 0 (EndOfData)".into(),
            (_, true) => "splice(file → pipe, 131072) = 61440, then EAGAIN (PipeFull)".into(),
            _ => "splice(file → pipe, 131072) = 131072".into(),
        },
    ];
    if is("fork", "yes") {
        calls.push("fork() = child".into());
    }
    match (patch, short) {
        (true, true) => calls.push("header.len = 40016".into()),
        (false, true) => calls.extend([
            "pipe2() = second pipe".into(),
            "read(pipe, 16) = 16".into(),
            "write(header → second pipe, 16) = 16".into(),
            "splice(pipe → second pipe, 40000) = 40000".into(),
        ]),
        _ => {}
    }
    let from = if short && !patch { "second pipe" } else { "pipe" };
    if !full {
        let taken = if lost { "EINVAL".into() } else { message.to_string() };
        calls.push(format!("splice({from} → /dev/fuse, {message}) = {taken}"));
    }
    if full || lost {
        calls.extend([
            "close(pipe) = 0".into(),
            format!("pread(file, 131072) = {have}"),
            format!("write(/dev/fuse, {message}) = {message}"),
        ]);
    }
    calls.push(format!("read(file on the mount, 131072) = {have}"));
    calls
}

/// A directory with one file, each read(2) of which is one READ. The player answers it.
struct OneFile;

impl Filesystem for OneFile {
    fn lookup(&self, _: &InHeader, _: &OsStr) -> Result<EntryOut, Errno> {
        let attr = Attr { ino: 2, mode: libc::S_IFREG | 0o444, nlink: 1, ..Attr::default() };
        Ok(EntryOut { nodeid: 2, attr, ..EntryOut::default() })
    }

    fn getattr(&self, _: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let attr = Attr { ino: 1, mode: libc::S_IFDIR | 0o555, nlink: 2, ..Attr::default() };
        Ok(AttrOut { attr, ..AttrOut::default() })
    }

    fn open(&self, _: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        Ok(OpenOut { open_flags: OpenReplyFlags::DIRECT_IO, ..OpenOut::default() })
    }

    /// The child of a fork closes the client's file, too, while the player waits for its end. After this
    /// answer the kernel asks no more.
    fn flush(&self, _: &InHeader, _: &FlushIn) -> Result<(), Errno> {
        Err(Errno::ENOSYS)
    }
}

struct Acting<'a> {
    player: Mutex<Option<Player>>,
    device: BorrowedFd<'a>,
}

impl Handler for Acting<'_> {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        match (&request.operation, &mut *self.player.lock().unwrap()) {
            // What is owed answers EIO afterwards: a second answer, which nobody wants.
            (Operation::Read { .. }, Some(player)) => player.answer(owed.unique(), self.device),
            _ => Files(OneFile).handle(request, owed),
        }
    }
}

/// One who plays, and writes down what is there after each call.
struct Player {
    play: Play,
    outside: Memory,
    first: Option<Either>,
    second: Option<Either>,
    copied: usize,
    /// What is in the server's own buffer, and what the client has.
    buffer: usize,
    client: usize,
}

impl Player {
    fn new(settings: Vec<(String, String)>) -> Player {
        let play = Play { settings, states: vec![] };
        let len = if chosen(&play, "data") == "short" { SHORT } else { ASKED };
        let content: Vec<u8> = (0..len).map(|n| (n * 7 + n / 4096) as u8).collect();
        let mut file = File::from(memfd_create(c"file", MFdFlags::MFD_CLOEXEC).unwrap());
        file.write_all(&content).unwrap();
        let private = chosen(&play, "memory") == "private";
        let slot = if private { Slot::private() } else { Slot::new() }.unwrap();
        let outside = Memory { slot, file, content, referred: false };
        let (first, second, copied, buffer, client) = (None, None, 0, 0, 0);
        Player { play, outside, first, second, copied, buffer, client }
    }

    fn is(&self, name: &str, value: &str) -> bool {
        chosen(&self.play, name) == value
    }

    /// Writes down what is there now.
    fn state(&mut self, call: impl Into<String>, result: impl ToString) {
        let mut pipes = Vec::new();
        for (name, pipe) in [("pipe", &mut self.first), ("second pipe", &mut self.second)] {
            if let Some(there) = pipe.take() {
                let there = there.holding();
                pipes.push(look(name, &there, &mut self.outside));
                *pipe = Some(Either::of(there));
            }
        }
        let mut places = vec![
            ("cache".to_owned(), self.outside.content.len()),
            ("buffer".to_owned(), self.buffer),
            ("client".to_owned(), self.client),
        ];
        if self.is("strategy", "patch") {
            places.insert(0, ("memory".into(), announced(self.outside.slot.bytes())));
        }
        let (call, result) = (call.into(), result.to_string());
        self.play.states.push(State { call, result, places, copied: self.copied, pipes });
    }

    /// The state before this one: what is in the pipe.
    fn last(&self) -> &played::Pipe {
        self.play.states.last().unwrap().pipes.last().unwrap()
    }

    fn answer(&mut self, unique: u64, device: BorrowedFd<'_>) {
        let patch = self.is("strategy", "patch");
        let header = |data: usize| {
            let mut bytes = [0; SLOT_SIZE];
            let header = OutHeader { len: (SLOT_SIZE + data) as u32, error: 0, unique };
            bytes.copy_from_slice(header.as_bytes());
            bytes
        };
        self.outside.slot.set(&header(ASKED));
        let slots = chosen(&self.play, "slots").parse().unwrap();
        self.first = Some(Either::Empty(pipe_of(slots)));
        self.state("read(file on the mount, 131072)", "waits");

        let Some(Either::Empty(pipe)) = self.first.take() else { panic!("it is empty") };
        let pipe = if patch {
            pipe.refer_to(&self.outside.slot).unwrap()
        } else {
            self.copied += SLOT_SIZE;
            pipe.write(&header(ASKED)).unwrap()
        };
        self.outside.referred = patch;
        self.first = Some(Either::Holding(pipe));
        let call = if patch { "vmsplice" } else { "write" };
        self.state(format!("{call}(header → pipe, 16)"), SLOT_SIZE);
        let copies = self.last().held[0].whose == "copy";
        assert_eq!(copies, !patch, "vmsplice refers, write copies");

        let mut pipe = self.first.take().unwrap().holding();
        let taken = pipe.take(self.outside.file.as_fd(), Some(0), ASKED);
        self.first = Some(Either::Holding(pipe));
        let then = match taken.stop {
            Stop::Enough => "",
            Stop::EndOfData => ", then 0 (EndOfData)",
            Stop::PipeFull => ", then EAGAIN (PipeFull)",
            stop => panic!("{stop:?}"),
        };
        self.state("splice(file → pipe, 131072)", format!("{}{then}", taken.bytes));
        let referred = self.last().held[1..].iter().all(|run| run.whose == "cache");
        assert!(referred, "splice from a file copies nothing: {:?}", self.last());

        if self.is("fork", "yes") {
            // SAFETY: the child does nothing but end.
            match unsafe { fork() }.unwrap() {
                // SAFETY: it ends the child at once.
                ForkResult::Child => unsafe { libc::_exit(0) },
                ForkResult::Parent { child } => waitpid(child, None).unwrap(),
            };
            self.state("fork()", "child");
        }
        if taken.stop == Stop::PipeFull {
            return self.copy(&header(taken.bytes), device);
        }
        let new = header(taken.bytes);
        if taken.bytes < ASKED && patch {
            self.outside.slot.set(&new);
            self.state("header.len", announced(&new));
        } else if taken.bytes < ASKED {
            self.behind_a_new(&new, slots);
        }
        self.give(&new, device);
    }

    /// The message goes to the kernel, in one splice.
    fn give(&mut self, header: &[u8; SLOT_SIZE], device: BorrowedFd<'_>) {
        let second = self.second.is_some();
        let pipe = if second { &mut self.second } else { &mut self.first };
        let given = pipe.take().unwrap().holding();
        let len = given.len();
        let name = if second { "second pipe" } else { "pipe" };
        let call = format!("splice({name} → /dev/fuse, {len})");
        match given.give(device, SpliceFFlags::empty()) {
            Ok(empty) => {
                *pipe = Some(Either::Empty(empty));
                self.copied += len;
                self.state(call, len);
            }
            Err((kept, errno)) => {
                *pipe = Some(Either::Holding(kept));
                self.state(call, format!("{errno:?}"));
                assert_eq!(self.last().bytes, 0, "the message was eaten");
                self.copy(header, device);
            }
        }
    }

    /// The old header is read out, and the data move behind a new one, in a second pipe.
    fn behind_a_new(&mut self, header: &[u8; SLOT_SIZE], slots: usize) {
        self.second = Some(Either::Empty(pipe_of(slots)));
        self.state("pipe2()", "second pipe");
        let mut old = self.first.take().unwrap().holding();
        let read = old.read(&mut [0; SLOT_SIZE]).unwrap();
        self.copied += read;
        self.first = Some(Either::Holding(old));
        self.state("read(pipe, 16)", read);
        let Some(Either::Empty(new)) = self.second.take() else { panic!("it is new") };
        self.second = Some(Either::Holding(new.write(header).unwrap()));
        self.copied += SLOT_SIZE;
        self.state("write(header → second pipe, 16)", SLOT_SIZE);
        let old = self.first.take().unwrap().holding();
        let mut new = self.second.take().unwrap().holding();
        let call = format!("splice(pipe → second pipe, {})", old.len());
        self.first = Some(Either::Empty(old.pour_into(&mut new).unwrap()));
        let moved = new.len() - SLOT_SIZE;
        self.second = Some(Either::Holding(new));
        self.state(call, moved);
    }

    /// The way of step 05.
    fn copy(&mut self, header: &[u8; SLOT_SIZE], device: BorrowedFd<'_>) {
        self.first = None;
        self.state("close(pipe)", 0);
        let mut bytes = vec![0; ASKED];
        let read = self.outside.file.read_at(&mut bytes, 0).unwrap();
        bytes.truncate(read);
        self.copied += read;
        self.buffer = read;
        self.state("pread(file, 131072)", read);
        let mut header = *header;
        header[..4].copy_from_slice(&((SLOT_SIZE + read) as u32).to_ne_bytes());
        let message = [&header[..], &bytes].concat();
        let written = write(device, &message);
        self.copied += written.unwrap_or(0);
        self.state(format!("write(/dev/fuse, {})", message.len()), result(written));
    }
}

/// The header's memory, and the file.
struct Memory {
    slot: Slot,
    file: File,
    content: Vec<u8>,
    /// Was the header put into the pipe by reference?
    referred: bool,
}

impl Outside for Memory {
    fn invert(&mut self) {
        let mut header = *self.slot.bytes();
        header[8..].iter_mut().for_each(|byte| *byte = !*byte);
        self.slot.set(&header);
        let mut bytes = vec![0; self.content.len()];
        self.file.read_exact_at(&mut bytes, 0).unwrap();
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
        self.file.write_all_at(&bytes, 0).unwrap();
    }

    fn describe(&self, at: usize, bytes: &[u8], follows: bool) -> Run {
        let header = bytes.len() == SLOT_SIZE;
        if !header {
            let behind_a_header = at % PAGE == SLOT_SIZE;
            let from = if behind_a_header { at - SLOT_SIZE } else { at };
            assert!(self.content[from..].starts_with(bytes), "the bytes at {from} of the file");
        }
        let whose = match (header, follows) {
            (true, true) => "memory",
            // It did refer to our memory, and our memory is now another page.
            (true, false) if self.referred => "left",
            (false, true) => "cache",
            _ => "copy",
        };
        Run {
            what: if header { "header" } else { "data" }.into(),
            bytes: bytes.len(),
            whose: whose.into(),
            says: header.then(|| announced(bytes)),
            times: 1,
        }
    }
}

/// The length in a header.
fn announced(header: &[u8]) -> usize {
    u32::from_ne_bytes(header[..4].try_into().unwrap()) as usize
}
