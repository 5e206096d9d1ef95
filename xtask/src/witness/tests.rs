//! Conversations in bytes, each with one thing wrong in it; and a story, whole.

use std::ffi::OsStr;
use std::ops::Range;

use nix::errno::Errno;
use step02_wire::abi::*;
use step02_wire::{Dirents, encode};
use vm_init::{Bytes, Process};
use zerocopy::IntoBytes;

use super::conversation::{Answer, Request};
use super::*;

const EINVAL: i64 = -(Errno::EINVAL as i64);
const ENOENT: i64 = -(Errno::ENOENT as i64);

fn server() -> Process {
    Process { thread: 12, pid: 12, name: "step04-hello".into() }
}

fn client() -> Process {
    Process { thread: 13, pid: 13, name: "visit".into() }
}

fn request(opcode: Opcode, unique: u64, body: &[u8]) -> Vec<u8> {
    let len = (InHeader::SIZE + body.len()) as u32;
    let header = InHeader { len, opcode: opcode as u32, unique, nodeid: 1, ..InHeader::default() };
    [header.as_bytes(), body].concat()
}

fn read_of(opcode: Opcode, unique: u64, size: u32) -> Vec<u8> {
    request(opcode, unique, ReadIn { fh: 3, size, ..ReadIn::default() }.as_bytes())
}

fn getattr(unique: u64) -> Vec<u8> {
    request(Opcode::Getattr, unique, GetattrIn::default().as_bytes())
}

fn attr(mode: u32, size: u64) -> Attr {
    Attr { mode, size, ..Attr::default() }
}

fn asked(bytes: Vec<u8>) -> Message {
    let result = bytes.len() as i64;
    let call = "read".to_owned();
    Message::Request(Request { by: server(), call, fd: 5, room: 135_168, result, bytes })
}

fn wrote(bytes: Vec<u8>, result: i64) -> Message {
    let (call, len) = ("write".to_owned(), bytes.len() as u64);
    let result = Some(if result < 0 { result } else { len as i64 });
    Message::Answer(Answer { by: server(), call, fd: 5, len, there: None, bytes, result })
}

/// An answer with some bytes changed.
fn changed(mut answer: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    answer[at..at + bytes.len()].copy_from_slice(bytes);
    answer
}

/// What is found: the place, the bytes, and the words. Nothing about answers that are missing.
fn found(messages: &[Message]) -> Vec<(usize, Option<Range<usize>>, String)> {
    let findings = judge(messages).findings.into_iter().filter(|finding| !finding.is_silence());
    findings.map(|finding| (finding.at, finding.field, finding.says)).collect()
}

/// What is found in the one answer to one request.
fn found_in(request: Vec<u8>, answer: Vec<u8>, result: i64) -> (Option<Range<usize>>, String) {
    match &found(&[asked(request), wrote(answer, result)])[..] {
        [(1, field, says)] => (field.clone(), says.clone()),
        other => panic!("{other:?}"),
    }
}

fn listing(entries: &[(&str, u64)]) -> Vec<u8> {
    let mut listing = Dirents::new(4096);
    for (name, off) in entries {
        assert!(listing.push(9, *off, 8, OsStr::new(name)));
    }
    listing.into_bytes()
}

#[test]
fn a_conversation_without_fault_is_left_alone() {
    let init = InitIn { major: 7, minor: 41, ..InitIn::default() };
    let agreed = InitOut { major: 7, minor: 14, max_write: 131_072, ..InitOut::default() };
    let entry = EntryOut { nodeid: 2, attr: attr(0o100444, 23), ..EntryOut::default() };
    let messages = [
        asked(request(Opcode::Init, 2, init.as_bytes())),
        wrote(encode::reply_with(2, &agreed), 0),
        asked(request(Opcode::Lookup, 4, b"hello.txt\0")),
        wrote(encode::reply_with(4, &entry), 0),
        asked(request(Opcode::Lookup, 6, b"nothing\0")),
        wrote(encode::error(6, Errno::ENOENT), 0),
        asked(read_of(Opcode::Readdir, 8, 4096)),
        wrote(encode::reply(8, &listing(&[(".", 1), ("hello.txt", 2)])), 0),
        asked(request(Opcode::Forget, 10, &[1, 0, 0, 0, 0, 0, 0, 0])),
        asked(getattr(12)),
        asked(request(Opcode::Interrupt, 13, &[12, 0, 0, 0, 0, 0, 0, 0])),
        wrote(encode::error(13, Errno::EAGAIN), 0),
        // Nobody waits any more: no fault of the server's.
        wrote(encode::error(12, Errno::EINTR), ENOENT),
        wrote(encode::notify_inval_entry(1, OsStr::new("hello.txt")), ENOENT),
    ];
    assert_eq!(judge(&messages).findings, []);
}

#[test]
fn a_wrong_header_is_found() {
    let attributes =
        encode::reply_with(4, &AttrOut { attr: attr(0o40755, 0), ..AttrOut::default() });
    let say = |answer, result| found_in(getattr(4), answer, result);
    assert_eq!(
        say(changed(attributes.clone(), 0, &[40]), EINVAL),
        (Some(0..4), "len says 40, 120 bytes were written".into())
    );
    assert_eq!(
        say(changed(attributes.clone(), 8, &[7]), ENOENT),
        (Some(8..16), "unique 7 was never asked".into())
    );
    assert_eq!(
        say(changed(encode::error(4, Errno::ENOENT), 4, &2i32.to_ne_bytes()), EINVAL),
        (Some(4..8), "errno must be negative: -2 is wanted for ENOENT, not 2".into())
    );
    let far = (-512i32).to_ne_bytes();
    assert_eq!(
        say(changed(encode::error(4, Errno::ENOENT), 4, &far), EINVAL),
        (Some(4..8), "-512 is no errno: they end at -511".into())
    );
    assert_eq!(
        say(changed(attributes.clone(), 4, &(-5i32).to_ne_bytes()), EINVAL),
        (Some(16..120), "an error comes alone: here 104 bytes follow it".into())
    );
    assert_eq!(
        say(attributes[..7].to_vec(), EINVAL),
        (Some(0..7), "7 bytes are too few: the header alone takes 16".into())
    );
    assert_eq!(
        say(changed(encode::reply(4, &[]), 8, &[0]), EINVAL).1,
        "unique 0 is no request: it stands for a notification, whose code is then in error"
    );
}

#[test]
fn a_second_answer_and_one_that_nobody_wants_are_found() {
    let answer = || encode::error(4, Errno::EIO);
    assert_eq!(
        found(&[asked(getattr(4)), wrote(answer(), 0), wrote(answer(), ENOENT)]),
        [(2, Some(8..16), "#4 GETATTR has its answer already".into())]
    );
    let forget = request(Opcode::Forget, 4, &[1, 0, 0, 0, 0, 0, 0, 0]);
    let wanted = (Some(8..16), "#4 FORGET wants no answer".to_owned());
    assert_eq!(found_in(forget, answer(), ENOENT), wanted);
}

#[test]
fn a_request_that_was_refused_an_answer_may_have_another() {
    let short = changed(encode::error(4, Errno::EIO), 0, &[15]);
    let again = encode::error(4, Errno::EIO);
    let judgement = judge(&[asked(getattr(4)), wrote(short, EINVAL), wrote(again, 0)]);
    assert_eq!(judgement.findings.len(), 1);
    assert_eq!(judgement.requests, [(1, 0), (2, 0)].into());
}

#[test]
fn a_header_and_its_payload_in_two_calls_are_found() {
    let whole = encode::reply(4, b"Hello");
    let messages = [
        asked(read_of(Opcode::Read, 4, 4096)),
        wrote(whole[..16].to_vec(), EINVAL),
        wrote(whole[16..].to_vec(), EINVAL),
    ];
    let judgement = judge(&messages);
    let [silence, header, rest] = &judgement.findings[..] else { panic!("{judgement:?}") };
    assert!(silence.is_silence() && silence.says == "#4 READ was never answered.");
    assert_eq!((header.at, &header.field), (1, &Some(0..4)));
    assert!(header.then.iter().any(|line| line.starts_with("One message is one call")));
    assert_eq!(rest.at, 2);
    assert!(rest.says.starts_with("these 5 bytes are the rest of the message above"));
}

#[test]
fn a_payload_of_the_wrong_size_is_found() {
    let payload = |request, body: &[u8]| found_in(request, encode::reply(4, body), EINVAL);
    assert_eq!(
        payload(getattr(4), &[0; 96]),
        (
            Some(16..112),
            "the answer to GETATTR is fuse_attr_out, 104 bytes: 96 bytes follow the header".into()
        )
    );
    assert_eq!(
        payload(request(Opcode::Lookup, 4, b"a\0"), &[0; 130]).0,
        Some(16 + 128..16 + 130),
        "what is too much"
    );
    assert_eq!(
        payload(request(Opcode::Unlink, 4, b"a\0"), &[0; 8]),
        (Some(16..24), "the answer to UNLINK is its header alone: 8 bytes follow it".into())
    );
    let longer = "longer than the size asked for: 9 bytes follow the header, 8 were asked for";
    let xattr = GetxattrIn { size: 8, padding: 0 };
    for request in [
        read_of(Opcode::Read, 4, 8),
        read_of(Opcode::Readdir, 4, 8),
        request(Opcode::Getxattr, 4, &[xattr.as_bytes(), b"user.a\0"].concat()),
        request(Opcode::Listxattr, 4, xattr.as_bytes()),
    ] {
        assert_eq!(payload(request, b"123456789"), (Some(24..25), longer.into()));
    }
    let size = GetxattrIn::default();
    assert!(
        payload(request(Opcode::Listxattr, 4, size.as_bytes()), b"abc")
            .1
            .contains("fuse_getxattr_out")
    );
    assert!(payload(request(Opcode::Readlink, 4, &[]), &[b'a'; 4096]).1.starts_with("longer than"));
}

#[test]
fn an_old_server_answers_with_what_its_version_has() {
    let offer = InitIn { major: 7, minor: 41, ..InitIn::default() };
    let old = [7u32, 8, 0, 0, 0, 4096].as_bytes().to_vec();
    let mut old_attributes = vec![0; COMPAT_ATTR_OUT_SIZE];
    old_attributes[16 + 60..16 + 64].copy_from_slice(&0o40755u32.to_ne_bytes());
    let messages = [
        asked(request(Opcode::Init, 2, offer.as_bytes())),
        wrote(encode::reply(2, &old), 0),
        asked(getattr(4)),
        wrote(encode::reply(4, &old_attributes), 0),
    ];
    assert_eq!(found(&messages), []);
}

#[test]
fn a_wrong_init_is_found() {
    let offer = InitIn { major: 7, minor: 41, ..InitIn::default() };
    let say = |out: InitOut| {
        found_in(request(Opcode::Init, 4, offer.as_bytes()), encode::reply_with(4, &out), 0)
    };
    let good = InitOut { major: 7, minor: 14, max_write: 4096, ..InitOut::default() };
    assert_eq!(say(InitOut { major: 8, ..good }).0, Some(16..20));
    assert_eq!(
        say(InitOut { minor: 99, ..good }),
        (Some(20..24), "minor says 99, and the kernel has offered 41".into())
    );
    assert_eq!(say(InitOut { flags: InitFlags::POSIX_LOCKS, ..good }).0, Some(28..32));
    assert_eq!(say(InitOut { max_write: 0, ..good }).0, Some(36..40));
}

#[test]
fn a_wrong_listing_is_found() {
    let say =
        |listing: &[u8]| found_in(read_of(Opcode::Readdir, 4, 4096), encode::reply(4, listing), 0);
    let good = listing(&[(".", 1), ("..", 2)]);
    // The last one without its zeros; one in the middle without its zeros.
    assert_eq!(say(&good[..good.len() - 6]).0, Some(16 + 32 + 24..16 + 32 + 26));
    let unpadded = [&good[..25], &good[32..]].concat();
    let (field, says) = say(&unpadded);
    assert_eq!(field, Some(16 + 25..16 + 32));
    assert!(says.starts_with("zeros should stand here"), "{says}");
    assert_eq!(say(&changed(good.clone(), 16, &[0])), (Some(32..36), "namelen says 0".into()));
    assert_eq!(say(&changed(good.clone(), 32 + 16, &[200])).0, Some(16 + 48..16 + 52));
    assert_eq!(say(&changed(good.clone(), 24, b"/")).1, "a name has no / in it");
    assert_eq!(say(&[&good[..], &[0; 5]].concat()).0, Some(16 + 64..16 + 69));
    assert_eq!(
        found(&[asked(read_of(Opcode::Readdir, 4, 4096)), wrote(encode::reply(4, &good), 0)]),
        []
    );
}

#[test]
fn what_the_kernel_takes_and_clients_do_not_is_found() {
    let lookup = || request(Opcode::Lookup, 4, b"a\0");
    let entry = |nodeid, mode| {
        encode::reply_with(4, &EntryOut { nodeid, attr: attr(mode, 0), ..EntryOut::default() })
    };
    assert_eq!(found_in(lookup(), entry(1, 0o100644), 0).1, "nodeid 1 is the root directory");
    let no_type = found_in(lookup(), entry(2, 0o644), 0);
    assert_eq!(no_type.0, Some(16 + 40 + 60..16 + 40 + 64), "attr.mode");
    assert!(no_type.1.starts_with("mode 0644 has no type of file in it"), "{}", no_type.1);
    let wrote_more = found_in(
        request(
            Opcode::Write,
            4,
            &[WriteIn { size: 3, ..WriteIn::default() }.as_bytes(), b"abc"].concat(),
        ),
        encode::reply_with(4, &WriteOut { size: 4, padding: 0 }),
        0,
    );
    assert_eq!(wrote_more, (Some(16..20), "size says 4, the request brought 3 bytes".into()));
}

#[test]
fn a_read_that_ends_too_early_is_found() {
    let attributes = AttrOut { attr: attr(0o100644, 100), ..AttrOut::default() };
    let read = |data: usize, more: &[Message]| {
        let begin = [asked(getattr(4)), wrote(encode::reply_with(4, &attributes), 0)];
        let end =
            [asked(read_of(Opcode::Read, 8, 4096)), wrote(encode::reply(8, &vec![0; data]), 0)];
        found(&[&begin[..], more, &end].concat())
    };
    assert_eq!(read(100, &[]), []);
    assert!(read(60, &[])[0].2.starts_with("60 bytes of data, though 4096 were asked for"));
    // From a file that is not cached it may be short at any time.
    let direct = OpenOut { fh: 3, open_flags: OpenReplyFlags::DIRECT_IO, padding: 0 };
    let open = asked(request(Opcode::Open, 6, OpenIn::default().as_bytes()));
    assert_eq!(read(60, &[open, wrote(encode::reply_with(6, &direct), 0)]), []);
}

#[test]
fn a_splice_of_more_than_there_is_is_found() {
    let bytes = encode::reply(4, &[7; 100]);
    let answer = |len, there| {
        Message::Answer(Answer {
            by: server(),
            call: "splice".into(),
            fd: 5,
            len,
            there: Some(there),
            bytes: bytes.clone(),
            result: Some(EINVAL),
        })
    };
    let one = |answer| found(&[asked(read_of(Opcode::Read, 4, 100)), answer]).remove(0).2;
    assert_eq!(one(answer(4112, 116)), "the splice asks for 4112 bytes, 116 are in the pipe");
    assert_eq!(one(answer(100, 116)), "len says 116, 100 bytes were written");
}

#[test]
fn two_connections_count_each_for_itself() {
    let other = |message| match message {
        Message::Request(request) => Message::Request(Request { fd: 6, ..request }),
        Message::Answer(answer) => Message::Answer(Answer { fd: 6, ..answer }),
        other => other,
    };
    let answer = || wrote(encode::error(4, Errno::EIO), 0);
    let both = [asked(getattr(4)), other(asked(getattr(4))), answer(), other(answer())];
    assert_eq!(judge(&both).findings, []);
    // A clone of the device: what was read there is answered there.
    let says =
        &found(&[asked(getattr(4)), other(wrote(encode::error(4, Errno::EIO), ENOENT))])[0].2;
    assert!(says.contains("was read from descriptor 5, and its answer went to 6"), "{says}");
}

#[test]
fn a_buffer_that_is_too_small_is_found() {
    let small = Message::Request(Request {
        by: server(),
        call: "read".into(),
        fd: 5,
        room: 4096,
        result: EINVAL,
        bytes: vec![],
    });
    assert!(found(&[small])[0].2.starts_with("4096 bytes are too few"));
}

/// What the guest sends of a server that lies.
fn facts() -> Vec<Fact> {
    let (call, path) = ("newfstatat".to_owned(), "mnt".to_owned());
    let lie = changed(encode::reply_with(4, &AttrOut::default()), 0, &[40]);
    let question = getattr(4);
    vec![
        Fact::Opened { by: server(), call: "openat".into(), result: 5 },
        Fact::Mounted { by: server(), target: "/tmp/t/mnt".into(), result: 0 },
        Fact::Call { id: 1, by: client(), call, path, other: None },
        Fact::Request {
            by: server(),
            call: "read".into(),
            fd: 5,
            room: 135_168,
            result: question.len() as i64,
            bytes: Bytes(question),
        },
        Fact::Answer {
            id: 2,
            by: server(),
            call: "write".into(),
            fd: 5,
            len: 120,
            there: None,
            bytes: Bytes(lie),
        },
        Fact::Result { id: 2, result: EINVAL },
        Fact::Ended { by: server(), how: "exit status 1".into() },
    ]
}

#[test]
fn a_story_is_told_whole() {
    let mut again = Again::new("t".into());
    again.facts = facts();
    again.output = "not of interest\nkernel: WARNING: at fs/fuse\n".into();
    again.verdict = Some(Verdict::Failed { status: "exit status: 101".into() });
    let expected = "\
Once more, followed: it failed again, exit status: 101.

  What went over /dev/fuse:
    → #4 GETATTR(node 1)    (never answered)
    ← #4 GETATTR    [write of 120 bytes = -EINVAL]
            0  28 00 00 00                 len        40
               ^^^^^^^^^^^ len says 40, 120 bytes were written
            4  00 00 00 00                 error      0
            8  04 00 00 00 00 00 00 00     unique     4
        The kernel refused it with EINVAL: the message is not what it must be.
        #4 GETATTR still waits for its answer.
    × step04-hello (pid 12) ended: exit status 1

  What the clients called, and what they saw:
    visit (pid 13)             newfstatat(\"mnt\") has not returned

  What the kernel said:
    WARNING: at fs/fuse
";
    assert_eq!(again.story(), expected);
}

#[test]
fn only_what_is_near_the_fault_is_told() {
    let mut messages = Vec::new();
    for unique in 1..20 {
        messages.push(asked(getattr(2 * unique)));
        messages.push(wrote(encode::error(2 * unique, Errno::EIO), 0));
    }
    let told = conversation(&messages, &judge(&messages));
    assert!(told.starts_with("    … 26 messages before\n"), "{told}");
    assert!(told.contains("Each answer is well-formed"), "{told}");
    messages[19] = wrote(encode::error(7, Errno::EIO), ENOENT);
    let told = conversation(&messages, &judge(&messages));
    assert!(told.starts_with("    … 7 messages before\n"), "{told}");
    assert!(told.ends_with("    … 14 messages after\n"), "{told}");
    assert!(told.contains("#20 GETATTR waits for its answer."), "{told}");
}

#[test]
fn a_test_that_follows_its_server_itself_is_said_so() {
    let mut again = Again::new("t".into());
    again.facts = vec![Fact::Ptrace { by: client() }, Fact::Full];
    let story = again.story();
    assert!(story.contains("A process can be followed by one"), "{story}");
    assert!(story.contains("what came later is left out"), "{story}");
    assert!(story.contains("nothing: no server read from it"), "{story}");
}
