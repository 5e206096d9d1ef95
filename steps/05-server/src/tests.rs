//! The server without a kernel: requests as bytes go in, answers as bytes come out.

use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;

use nix::errno::Errno;
use step02_wire::Opcode;
use step02_wire::abi::*;
use zerocopy::IntoBytes;

use crate::*;

type Reply = (u64, Result<Vec<u8>, Errno>);
type Failure = fn() -> io::Result<()>;

/// A reply path that keeps what is sent, after failing as often as it was told to.
#[derive(Default)]
struct Sent {
    answers: Mutex<Vec<Reply>>,
    fails: Mutex<Vec<Failure>>,
}

impl ReplyPath for Sent {
    fn send(&self, unique: u64, reply: Result<&Answer, Errno>) -> io::Result<()> {
        let fail = self.fails.lock().unwrap().pop();
        fail.map_or(Ok(()), |fail| fail())?;
        let reply = reply.map(|answer| match answer.data() {
            Data::Bytes(bytes) => bytes.clone(),
            Data::From { .. } => unreachable!("no test here sends from a descriptor"),
        });
        self.answers.lock().unwrap().push((unique, reply));
        Ok(())
    }
}

/// Requests from a list.
struct Asked(std::vec::IntoIter<Vec<u8>>, Vec<u8>);

impl RequestPath for Asked {
    fn next(&mut self) -> io::Result<Option<Message<'_>>> {
        let Some(message) = self.0.next() else { return Ok(None) };
        self.1 = message;
        Ok(Some(Message::in_memory(&self.1)))
    }
}

fn request(unique: u64, opcode: u32, body: &[u8]) -> Vec<u8> {
    let len = (InHeader::SIZE + body.len()) as u32;
    let header = InHeader { len, opcode, unique, nodeid: ROOT_ID, ..InHeader::default() };
    [header.as_bytes(), body].concat()
}

fn lookup(unique: u64) -> Vec<u8> {
    request(unique, Opcode::Lookup as u32, b"name\0")
}

fn served(handler: &dyn Handler, requests: Vec<Vec<u8>>, sent: &Arc<Sent>) -> Vec<Reply> {
    let outward: Arc<dyn ReplyPath> = Arc::clone(sent) as Arc<dyn ReplyPath>;
    serve(&mut Asked(requests.into_iter(), Vec::new()), &outward, handler).unwrap();
    drop(outward);
    std::mem::take(&mut sent.answers.lock().unwrap())
}

fn answers(handler: &dyn Handler, requests: Vec<Vec<u8>>) -> Vec<Reply> {
    served(handler, requests, &Arc::default())
}

/// A file system that has only what every one must have.
struct Bare;

impl Filesystem for Bare {
    fn lookup(&self, _: &InHeader, _: &OsStr) -> Result<EntryOut, Errno> {
        Err(Errno::ENOENT)
    }
    fn getattr(&self, _: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        Ok(AttrOut::default())
    }
}

/// A request of each opcode: zeros, with two names behind them.
fn each_opcode() -> Vec<Vec<u8>> {
    let structs = |opcode| match opcode {
        Opcode::Lookup | Opcode::Symlink | Opcode::Unlink | Opcode::Rmdir | Opcode::Removexattr => {
            0
        }
        Opcode::Forget | Opcode::Rename | Opcode::Link | Opcode::Setxattr | Opcode::Getxattr => 8,
        Opcode::Mkdir => 8,
        Opcode::Mknod | Opcode::Create => 16,
        _ => 88,
    };
    let body = |opcode| match opcode {
        // Whose length must be right to the byte.
        Opcode::Write => vec![0; WriteIn::SIZE],
        _ => [&vec![0; structs(opcode)][..], b"one\0two\0"].concat(),
    };
    Opcode::ALL.iter().map(|&op| request(op as u64 + 1000, op as u32, &body(op))).collect()
}

#[test]
fn each_request_gets_exactly_one_answer() {
    let mut requests = each_opcode();
    requests.push(request(9043, 43, &[0; 32])); // FALLOCATE, newer than 7.14
    let answers = answers(&Files(Bare), requests);
    let told: String = answers
        .iter()
        .map(|(unique, reply)| {
            let name = Opcode::from_u32((*unique - 1000) as u32).map_or("newer", Opcode::name);
            match reply {
                Ok(body) => format!("{name}: {} bytes\n", body.len()),
                Err(errno) => format!("{name}: {errno:?}\n"),
            }
        })
        .collect();
    insta::assert_snapshot!("defaults", told);
    // One for each but FORGET and INTERRUPT.
    let mut uniques: Vec<_> = answers.iter().map(|(unique, _)| *unique).collect();
    uniques.dedup();
    assert_eq!(uniques.len(), Opcode::ALL.len() + 1 - 2);
}

/// A handler made of a function.
struct By<F>(F);

impl<F: Fn(Request<'_>, Owed) + Send + Sync> Handler for By<F> {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        (self.0)(request, owed)
    }
}

#[test]
fn what_is_dropped_answers_itself() {
    let dropping = By(|_: Request<'_>, owed: Owed| drop(owed));
    assert_eq!(
        answers(&dropping, vec![lookup(1), lookup(2)]),
        [(1, Err(Errno::EIO)), (2, Err(Errno::EIO))]
    );
}

#[test]
fn saying_nothing_is_for_those_who_want_nothing() {
    let silent = By(|_: Request<'_>, owed: Owed| owed.nothing());
    let forget = request(2, Opcode::Forget as u32, &[0; 8]);
    assert_eq!(answers(&silent, vec![lookup(1), forget]), [(1, Err(Errno::EIO))]);
}

#[test]
fn an_answer_to_forget_is_not_sent() {
    let forget = || vec![request(2, Opcode::Forget as u32, &[0; 8])];
    let talking = By(|_: Request<'_>, owed: Owed| owed.answer(Ok(Answer::empty())));
    assert_eq!(answers(&talking, forget()), [], "a good answer");
    let refusing = By(|_: Request<'_>, owed: Owed| owed.answer(Err(Errno::EIO)));
    assert_eq!(answers(&refusing, forget()), [], "an error");
}

#[test]
fn a_panic_answers_and_the_session_lives_on() {
    let shaky = By(|request: Request<'_>, owed: Owed| {
        assert_ne!(request.header.unique, 1, "on purpose");
        owed.answer(Err(Errno::ENOENT));
    });
    assert_eq!(
        answers(&shaky, vec![lookup(1), lookup(2)]),
        [(1, Err(Errno::EIO)), (2, Err(Errno::ENOENT))]
    );
}

#[test]
fn an_answer_that_the_kernel_would_not_take_is_caught() {
    let read = |unique, size| {
        let arg = ReadIn { size, ..ReadIn::default() };
        request(unique, Opcode::Read as u32, arg.as_bytes())
    };
    let ten = By(|_: Request<'_>, owed: Owed| owed.answer(Ok(Answer::from(vec![b'x'; 10]))));
    let answers = answers(&ten, vec![read(1, 10), read(2, 9), lookup(3)]);
    assert_eq!(answers, [(1, Ok(vec![b'x'; 10])), (2, Err(Errno::EIO)), (3, Err(Errno::EIO))]);
}

#[test]
fn a_reply_path_that_fails_or_panics_is_tried_once_more_with_an_error() {
    for fail in [(|| Err(io::Error::from(Errno::EINVAL))) as Failure, || panic!("on purpose")] {
        let sent = Arc::new(Sent { fails: Mutex::new(vec![fail]), ..Sent::default() });
        let good =
            By(|_: Request<'_>, owed: Owed| owed.answer(Ok(Answer::of(&EntryOut::default()))));
        let answers = served(&good, vec![lookup(1), lookup(2)], &sent);
        let uniques: Vec<_> = answers.iter().map(|(unique, _)| *unique).collect();
        assert_eq!(uniques, [1, 2], "the requests that got an answer");
        assert_eq!(answers[0].1, Err(Errno::EIO));
        assert!(answers[1].1.is_ok(), "{answers:?}");
    }
}

#[test]
fn a_panic_of_the_reply_path_stays_on_the_way_out() {
    // Here no `serve` catches it.
    let panics: Failure = || panic!("on purpose");
    let sent = Arc::new(Sent { fails: Mutex::new(vec![panics]), ..Sent::default() });
    let owed = Owed::new(1, Body::Exactly(EntryOut::SIZE), Arc::clone(&sent) as _);
    owed.answer(Ok(Answer::of(&EntryOut::default())));
    assert_eq!(*sent.answers.lock().unwrap(), [(1, Err(Errno::EIO))]);

    let sent = Arc::new(Sent { fails: Mutex::new(vec![panics]), ..Sent::default() });
    drop(Owed::new(1, Body::Exactly(0), Arc::clone(&sent) as _));
    assert_eq!(*sent.answers.lock().unwrap(), [], "there is one try only");
}

#[test]
fn a_body_is_as_long_as_the_rule_says() {
    for (body, len, allowed) in [
        (Body::Exactly(8), 7, false),
        (Body::Exactly(8), 8, true),
        (Body::Exactly(8), 9, false),
        (Body::AtMost(8), 0, true),
        (Body::AtMost(8), 8, true),
        (Body::AtMost(8), 9, false),
        (Body::NoAnswer, 0, false),
        (Body::NoAnswer, 1, false),
    ] {
        assert_eq!(body.allows(len), allowed, "{body:?} and {len} bytes");
    }
}

#[test]
fn what_is_owed_may_be_kept_and_answered_elsewhere() {
    let kept = Mutex::new(Vec::new());
    let keeping = By(|_: Request<'_>, owed: Owed| kept.lock().unwrap().push(owed));
    let sent = Arc::default();
    assert_eq!(served(&keeping, vec![lookup(1), lookup(2)], &sent), []);
    let kept = std::mem::take(&mut *kept.lock().unwrap());
    thread::spawn(move || kept.into_iter().rev().for_each(|owed| owed.answer(Err(Errno::EAGAIN))))
        .join()
        .unwrap();
    assert_eq!(*sent.answers.lock().unwrap(), [(2, Err(Errno::EAGAIN)), (1, Err(Errno::EAGAIN))]);
}

#[test]
fn a_request_that_cannot_be_read_is_answered() {
    let unterminated = request(7, Opcode::Lookup as u32, b"name");
    assert_eq!(answers(&Files(Bare), vec![unterminated]), [(7, Err(Errno::EIO))]);
}

/// An attribute of five bytes, and one of none.
struct Labelled;

impl Filesystem for Labelled {
    fn lookup(&self, _: &InHeader, _: &OsStr) -> Result<EntryOut, Errno> {
        Err(Errno::ENOENT)
    }
    fn getattr(&self, _: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        Err(Errno::ENOENT)
    }
    fn getxattr(&self, _: &InHeader, name: &OsStr) -> Result<Vec<u8>, Errno> {
        Ok(if name == "user.a" { b"value".to_vec() } else { Vec::new() })
    }
}

#[test]
fn the_size_of_an_attribute_is_its_own_question() {
    let getxattr = |unique, size, name: &[u8]| {
        let arg = GetxattrIn { size, ..GetxattrIn::default() };
        request(unique, Opcode::Getxattr as u32, &[arg.as_bytes(), name].concat())
    };
    let (a, none) = (&b"user.a\0"[..], &b"user.none\0"[..]);
    let requests = vec![
        getxattr(1, 0, a),
        getxattr(2, 4, a),
        getxattr(3, 5, a),
        getxattr(4, 0, none),
        getxattr(5, 1, none),
    ];
    let answers = answers(&Files(Labelled), requests);
    let size = |size| Ok(GetxattrOut { size, ..GetxattrOut::default() }.as_bytes().to_vec());
    assert_eq!(answers[0], (1, size(5)), "five bytes, room for 0");
    assert_eq!(answers[1], (2, Err(Errno::ERANGE)), "five bytes, room for 4");
    assert_eq!(answers[2], (3, Ok(b"value".to_vec())), "five bytes, room for 5");
    assert_eq!(answers[3], (4, size(0)), "no bytes, room for 0");
    assert_eq!(answers[4], (5, Ok(vec![])), "no bytes, room for 1");
}
