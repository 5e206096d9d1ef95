//! Layers and workers without a kernel: requests as bytes go in, answers as bytes come out.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;
use nix::libc;
use step02_wire::abi::*;
use step02_wire::{Opcode, Operation};
use step05_server::{Answer, Data, Handler, Message, Owed, ReplyPath, Request, RequestPath, serve};
use zerocopy::{FromBytes, IntoBytes};

use crate::{Interruptible, Interrupts, Locks};

type Reply = (u64, Result<Vec<u8>, Errno>);

/// A reply path that keeps what is sent.
#[derive(Default)]
struct Sent(Mutex<Vec<Reply>>);

impl ReplyPath for Sent {
    fn send(&self, unique: u64, reply: Result<&Answer, Errno>) -> io::Result<()> {
        let bytes = |answer: &Answer| match answer.data() {
            Data::Bytes(bytes) => bytes.clone(),
            Data::From { .. } => unreachable!("no test here sends from a descriptor"),
        };
        self.0.lock().unwrap().push((unique, reply.map(bytes)));
        Ok(())
    }
}

struct Asked(VecDeque<Vec<u8>>, Vec<u8>);

impl RequestPath for Asked {
    fn next(&mut self) -> io::Result<Option<Message<'_>>> {
        let Some(message) = self.0.pop_front() else { return Ok(None) };
        self.1 = message;
        Ok(Some(Message::in_memory(&self.1)))
    }
}

/// A file system whose READs are never answered, but given up when their clients are interrupted. All else
/// succeeds.
struct Patient(Arc<Interrupts>);

impl Handler for Patient {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        if !matches!(request.operation, Operation::Read { .. }) {
            return owed.answer(Ok(Answer::empty()));
        }
        let unique = owed.unique();
        self.0.on_interrupt(unique, move || owed.answer(Err(Errno::EINTR)));
    }
}

/// A server without a kernel.
struct Rig {
    sent: Arc<Sent>,
    interrupts: Arc<Interrupts>,
    handler: Interruptible<Locks<Patient>>,
}

impl Rig {
    fn new() -> Rig {
        let sent = Arc::new(Sent::default());
        let interrupts = Interrupts::new(Arc::clone(&sent) as _);
        let locks = Locks::new(Arc::clone(&interrupts), Patient(Arc::clone(&interrupts)));
        let handler = Interruptible::new(Arc::clone(&interrupts), locks);
        Rig { sent, interrupts, handler }
    }

    /// What is answered when this is asked.
    fn ask(&self, requests: &[Vec<u8>]) -> Vec<Reply> {
        let outward: Arc<dyn ReplyPath> = Arc::clone(&self.interrupts) as _;
        let mut asked = Asked(requests.iter().cloned().collect(), Vec::new());
        serve(&mut asked, &outward, &self.handler).unwrap();
        std::mem::take(&mut self.sent.0.lock().unwrap())
    }
}

const FILE: u64 = 9;

fn request(unique: u64, opcode: Opcode, body: &impl WireStruct) -> Vec<u8> {
    let len = (InHeader::SIZE + body.as_bytes().len()) as u32;
    let header =
        InHeader { len, opcode: opcode as u32, unique, nodeid: FILE, ..InHeader::default() };
    [header.as_bytes(), body.as_bytes()].concat()
}

fn read(unique: u64) -> Vec<u8> {
    request(unique, Opcode::Read, &ReadIn { size: 4096, ..ReadIn::default() })
}

fn interrupt(itself: u64, unique: u64) -> Vec<u8> {
    request(itself, Opcode::Interrupt, &InterruptIn { unique })
}

fn lock(unique: u64, opcode: Opcode, owner: u64, kind: libc::c_int, range: (u64, u64)) -> Vec<u8> {
    let lk = FileLock { start: range.0, end: range.1, r#type: kind as u32, pid: owner as u32 };
    request(unique, opcode, &LkIn { fh: owner, owner, lk, ..LkIn::default() })
}

const OK: Result<Vec<u8>, Errno> = Ok(Vec::new());
const ALL: (u64, u64) = (0, i64::MAX as u64);

#[test]
fn an_interrupted_request_is_given_up_and_the_interrupt_gets_no_answer() {
    let rig = Rig::new();
    assert_eq!(rig.ask(&[read(2)]), []);
    assert_eq!(rig.interrupts.in_flight(), 1);
    assert!(!rig.interrupts.is_interrupted(2));
    assert_eq!(rig.ask(&[interrupt(3, 2)]), [(2, Err(Errno::EINTR))]);
    assert_eq!(rig.interrupts.in_flight(), 0);
}

#[test]
fn an_interrupt_that_comes_first_or_late_is_put_back() {
    let rig = Rig::new();
    assert_eq!(rig.ask(&[interrupt(3, 2)]), [(3, Err(Errno::EAGAIN))]);
    assert_eq!(rig.ask(&[read(2), interrupt(3, 2)]), [(2, Err(Errno::EINTR))]);
    assert_eq!(rig.ask(&[interrupt(3, 2)]), [(3, Err(Errno::EAGAIN))]);
}

#[test]
fn an_operation_that_asks_later_is_told_at_once() {
    let rig = Rig::new();
    let told = Arc::new(Mutex::new(0));
    let tell = || {
        let told = Arc::clone(&told);
        move || *told.lock().unwrap() += 1
    };
    rig.ask(&[read(2)]);
    rig.interrupts.on_interrupt(2, tell());
    assert!(!rig.interrupts.is_interrupted(2));
    rig.ask(&[interrupt(3, 2)]);
    assert_eq!(*told.lock().unwrap(), 1);
    rig.interrupts.on_interrupt(2, tell());
    assert_eq!(*told.lock().unwrap(), 1, "it has been answered meanwhile");
}

#[test]
fn a_flush_that_is_interrupted_succeeds() {
    let rig = Rig::new();
    let flush = request(4, Opcode::Flush, &FlushIn::default());
    assert_eq!(rig.ask(&[interrupt(5, 4), flush]), [(5, Err(Errno::EAGAIN)), (4, OK)]);
}

#[test]
fn forget_is_never_in_flight() {
    let rig = Rig::new();
    rig.ask(&[request(2, Opcode::Forget, &ForgetIn { nlookup: 1 })]);
    assert_eq!(rig.interrupts.in_flight(), 0);
}

#[test]
fn a_lock_waits_until_the_other_goes() {
    let rig = Rig::new();
    let write = |unique, opcode, owner| lock(unique, opcode, owner, libc::F_WRLCK, ALL);
    assert_eq!(rig.ask(&[write(2, Opcode::Setlk, 1)]), [(2, OK)]);
    assert_eq!(rig.ask(&[write(4, Opcode::Setlk, 2)]), [(4, Err(Errno::EAGAIN))]);
    assert_eq!(rig.ask(&[write(6, Opcode::Setlkw, 2)]), []);
    let unlock = lock(8, Opcode::Setlk, 1, libc::F_UNLCK, ALL);
    assert_eq!(rig.ask(&[unlock]), [(6, OK), (8, OK)]);
    // A close of its descriptor does it, too.
    assert_eq!(rig.ask(&[write(10, Opcode::Setlkw, 1)]), []);
    let close = request(12, Opcode::Flush, &FlushIn { lock_owner: 2, ..FlushIn::default() });
    assert_eq!(rig.ask(&[close]), [(10, OK), (12, OK)]);
    // And the last close of the open file.
    assert_eq!(rig.ask(&[write(14, Opcode::Setlkw, 2)]), []);
    let release = request(16, Opcode::Release, &ReleaseIn { fh: 1, ..ReleaseIn::default() });
    assert_eq!(rig.ask(&[release]), [(14, OK), (16, OK)]);
    assert_eq!(rig.interrupts.in_flight(), 0);
}

#[test]
fn a_lock_that_is_not_waited_for_any_more_is_not_taken() {
    let rig = Rig::new();
    let write = |unique, opcode, owner| lock(unique, opcode, owner, libc::F_WRLCK, ALL);
    rig.ask(&[write(2, Opcode::Setlk, 1), write(4, Opcode::Setlkw, 2)]);
    assert_eq!(rig.ask(&[interrupt(5, 4)]), [(4, Err(Errno::EINTR))]);
    assert_eq!(rig.ask(&[lock(6, Opcode::Setlk, 1, libc::F_UNLCK, ALL)]), [(6, OK)]);
    assert_eq!(rig.ask(&[write(8, Opcode::Setlk, 3)]), [(8, OK)]);
}

#[test]
fn getlk_tells_what_is_in_the_way() {
    let rig = Rig::new();
    let ask = |range| {
        let replies = rig.ask(&[lock(9, Opcode::Getlk, 2, libc::F_WRLCK, range)]);
        LkOut::read_from_bytes(replies[0].1.as_ref().unwrap()).unwrap().lk
    };
    let free = FileLock { start: 5, end: 9, r#type: libc::F_UNLCK as u32, pid: 2 };
    assert_eq!(ask((5, 9)), free, "there are no locks at all");
    rig.ask(&[lock(2, Opcode::Setlk, 1, libc::F_RDLCK, (0, 6))]);
    let held = ask((5, 9));
    let expected = FileLock { start: 0, end: 6, r#type: libc::F_RDLCK as u32, pid: 1 };
    assert_eq!(
        held, expected,
        "process 1 has a lock for reading, process 2 asks for one for writing"
    );
    assert_eq!(ask((7, 9)).r#type, libc::F_UNLCK as u32, "nothing is in the way here");
}

#[test]
fn locks_that_wait_at_the_end_are_answered() {
    let Rig { sent, interrupts, handler } = Rig::new();
    let rig = Rig { sent: Arc::clone(&sent), interrupts: Arc::clone(&interrupts), handler };
    let write = |unique, opcode, owner| lock(unique, opcode, owner, libc::F_WRLCK, ALL);
    rig.ask(&[write(2, Opcode::Setlk, 1), write(4, Opcode::Setlkw, 2)]);
    drop(rig);
    assert_eq!(*sent.0.lock().unwrap(), [(4, Err(Errno::EIO))]);
    assert_eq!(interrupts.in_flight(), 0);
}
