//! What is encoded decodes to the same, and no bytes whatever make the decoder panic.

use nix::errno::Errno;
use proptest::prelude::*;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use step02_wire::abi::*;
use step02_wire::reply::{Notification, decode_notification};
use step02_wire::*;
use zerocopy::IntoBytes;

/// A request as the kernel builds it: a header, then the parts of the body.
fn request(opcode: u32, unique: u64, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = (InHeader::SIZE + body.len()) as u32;
    let header =
        InHeader { len, opcode, unique, nodeid: 7, uid: 1000, gid: 100, pid: 57, padding: 0 };
    [header.as_bytes(), &body].concat()
}

/// Decodes a request that has this operation and nothing else.
fn check(opcode: Opcode, parts: &[&[u8]], expected: Operation<'_>) {
    let message = request(opcode as u32, 12, parts);
    let (header, operation) = decode(&message).unwrap_or_else(|malformed| panic!("{malformed}"));
    assert_eq!(operation, expected);
    assert_eq!((header.unique, header.nodeid, header.pid), (12, 7, 57));
    // Bytes behind the message belong to nobody.
    let longer = [&message[..], b"\x01garbage"].concat();
    assert_eq!(decode(&longer).expect("a message in a larger buffer").1, expected);
}

/// A struct whose every byte is different, so that no field can stand in for another.
fn sample<T: WireStruct>() -> T {
    let bytes: Vec<u8> = (1..=T::SIZE as u8).collect();
    T::read_from_bytes(&bytes).expect("the size is right")
}

#[test]
fn each_operation_round_trips() {
    use Operation::*;
    let (name, new_name) = (OsStr::new("old"), OsStr::from_bytes(b"new \xff"));
    let (old_bytes, new_bytes): (&[u8], &[u8]) = (b"old\0", b"new \xff\0");
    macro_rules! check_struct {
        ($($opcode:ident: $in:ty,)*) => {$(
            let arg: $in = sample();
            check(Opcode::$opcode, &[arg.as_bytes()], $opcode { arg });
        )*};
    }
    check_struct! {
        Init: InitIn, CuseInit: CuseInitIn, Interrupt: InterruptIn, Forget: ForgetIn, Getattr: GetattrIn,
        Setattr: SetattrIn, Access: AccessIn, Listxattr: GetxattrIn, Bmap: BmapIn, Open: OpenIn, Opendir: OpenIn,
        Read: ReadIn, Readdir: ReadIn, Flush: FlushIn, Release: ReleaseIn, Releasedir: ReleaseIn, Fsync: FsyncIn,
        Fsyncdir: FsyncIn, Getlk: LkIn, Setlk: LkIn, Setlkw: LkIn, Poll: PollIn,
    }
    macro_rules! check_struct_and_name {
        ($($opcode:ident: $in:ty,)*) => {$(
            let arg: $in = sample();
            check(Opcode::$opcode, &[arg.as_bytes(), old_bytes], $opcode { arg, name });
        )*};
    }
    check_struct_and_name! { Mknod: MknodIn, Mkdir: MkdirIn, Link: LinkIn, Create: CreateIn, Getxattr: GetxattrIn, }
    check(Opcode::Lookup, &[old_bytes], Lookup { name });
    check(Opcode::Unlink, &[old_bytes], Unlink { name });
    check(Opcode::Rmdir, &[old_bytes], Rmdir { name });
    check(Opcode::Removexattr, &[old_bytes], Removexattr { name });
    check(Opcode::Symlink, &[old_bytes, new_bytes], Symlink { name, target: new_name });
    check(Opcode::Readlink, &[], Readlink);
    check(Opcode::Statfs, &[], Statfs);
    check(Opcode::Destroy, &[], Destroy);
    let arg: RenameIn = sample();
    check(Opcode::Rename, &[arg.as_bytes(), old_bytes, new_bytes], Rename { arg, name, new_name });
    let arg = SetxattrIn { size: 5, flags: 1 };
    check(
        Opcode::Setxattr,
        &[arg.as_bytes(), old_bytes, b"va\0ue"],
        Setxattr { arg, name, value: b"va\0ue" },
    );
    let arg = IoctlIn { in_size: 4, ..sample() };
    check(Opcode::Ioctl, &[arg.as_bytes(), b"data"], Ioctl { arg, data: b"data" });
    let arg = WriteIn { size: 4, ..sample() };
    check(Opcode::Write, &[arg.as_bytes(), b"data"], Write { arg });
}

#[test]
fn a_write_needs_its_head_alone() {
    let arg = WriteIn { size: 100_000, ..sample() };
    let data = vec![b'x'; 100_000];
    let message = request(Opcode::Write as u32, 4, &[arg.as_bytes(), &data]);
    let (header, operation) = decode(&message[..80]).expect("80 bytes are enough");
    assert_eq!(operation, Operation::Write { arg });
    assert_eq!(head_len(&header), 80);
    assert_eq!(&message[head_len(&header)..header.len as usize], data);
    assert!(decode(&message[..79]).is_err());
}

#[test]
fn a_head_is_at_least_a_header() {
    let head_len = |opcode: Opcode, len| {
        head_len(&InHeader { len, opcode: opcode as u32, ..InHeader::default() })
    };
    for len in [0, 39, 40] {
        assert_eq!(head_len(Opcode::Write, len), 40, "of a WRITE with len {len}");
        assert_eq!(head_len(Opcode::Statfs, len), 40, "of a STATFS with len {len}");
    }
    assert_eq!(head_len(Opcode::Write, 79), 79, "of a WRITE with len 79");
    assert_eq!(head_len(Opcode::Write, u32::MAX), 80, "of a long WRITE");
    assert_eq!(head_len(Opcode::Lookup, u32::MAX), u32::MAX as usize, "of a long LOOKUP");
    let newer = InHeader { len: 200, opcode: 4095, ..InHeader::default() };
    assert_eq!(step02_wire::head_len(&newer), 200, "of an opcode newer than 7.14");
}

#[test]
fn what_lies_behind_the_message_is_not_read() {
    let mut message = request(Opcode::Lookup as u32, 4, &[b"name\0"]);
    message[..4].copy_from_slice(&44_u32.to_ne_bytes());
    assert_eq!(
        decode(&message).unwrap_err().problem,
        Problem::Unterminated { what: "name" },
        "the NUL is in the buffer, and not in the message"
    );
}

#[test]
fn a_writes_two_lengths_must_agree() {
    for size in [0, 3, 5, u32::MAX] {
        let message =
            request(Opcode::Write as u32, 4, &[WriteIn { size, ..sample() }.as_bytes(), b"data"]);
        let malformed = decode(&message).expect_err("4 bytes of data");
        assert_eq!(malformed.problem, Problem::DataSize { size, found: 4 });
        assert_eq!(malformed.owed_answer(), Some(4));
    }
}

#[test]
fn sizes_in_a_body_cannot_reach_past_its_end() {
    let arg = SetxattrIn { size: 6, flags: 0 };
    let message = request(Opcode::Setxattr as u32, 4, &[arg.as_bytes(), b"name\0", b"value"]);
    assert_eq!(
        decode(&message).unwrap_err().to_string(),
        "malformed SETXATTR at byte 53: value takes 6 bytes, 5 are there"
    );
    let arg = IoctlIn { in_size: u32::MAX, ..sample() };
    let message = request(Opcode::Ioctl as u32, 4, &[arg.as_bytes(), b"data"]);
    assert_eq!(
        decode(&message).unwrap_err().to_string(),
        "malformed IOCTL at byte 72: data takes 4294967295 bytes, 4 are there"
    );
}

#[test]
fn a_false_length_is_refused() {
    for (len, text) in [
        (39, "malformed STATFS at byte 0: len says 39 bytes, too few for a header"),
        (0, "malformed STATFS at byte 0: len says 0 bytes, too few for a header"),
        (41, "malformed STATFS at byte 0: len says 41 bytes, 40 are there"),
        (u32::MAX, "malformed STATFS at byte 0: len says 4294967295 bytes, 40 are there"),
    ] {
        let mut message = request(Opcode::Statfs as u32, 4, &[]);
        message[..4].copy_from_slice(&u32::to_ne_bytes(len));
        assert_eq!(decode(&message).unwrap_err().to_string(), text);
    }
}

#[test]
fn an_init_may_be_longer_than_we_know() {
    let arg: InitIn = sample();
    for surplus in [0, 16, 48, 1000] {
        let message = request(Opcode::Init as u32, 2, &[arg.as_bytes(), &vec![0xff; surplus]]);
        assert_eq!(decode(&message).expect("any length from 16 up").1, Operation::Init { arg });
    }
    assert!(decode(&request(Opcode::Init as u32, 2, &[&arg.as_bytes()[..15]])).is_err());
}

#[test]
fn an_unknown_opcode_is_no_error() {
    for opcode in [0, 7, 19, 41, 52, 999, u32::MAX] {
        let message = request(opcode, 4, &[b"body"]);
        assert_eq!(
            decode(&message).expect("unknown is not malformed").1,
            Operation::Unknown { opcode, body: b"body" }
        );
    }
}

#[test]
fn who_gets_an_answer_to_a_malformed_request() {
    let owed = |opcode: u32| decode(&request(opcode, 4, &[b"x"])).unwrap_err().owed_answer();
    assert_eq!(owed(Opcode::Lookup as u32), Some(4));
    assert_eq!(owed(Opcode::Forget as u32), None, "an answer to FORGET is one too many");
    let unknown = request(999, 4, &[]);
    assert_eq!(decode(&unknown[..20]).unwrap_err().owed_answer(), Some(4));
    assert_eq!(decode(&unknown[..15]).unwrap_err().owed_answer(), None, "nobody knows its number");
}

#[test]
fn flags_without_a_name_are_kept() {
    let arg = ReleaseIn { release_flags: ReleaseFlags::from_bits_retain(0x8000_0003), ..sample() };
    let message = request(Opcode::Release as u32, 4, &[arg.as_bytes()]);
    let Ok((_, Operation::Release { arg })) = decode(&message) else { panic!("not a RELEASE") };
    assert_eq!(arg.release_flags.bits(), 0x8000_0003);
    assert_eq!(arg.release_flags.to_string(), "FLUSH|0x80000002");
}

#[test]
fn each_reply_round_trips() {
    let question = |opcode: Opcode| Question { opcode: opcode as u32, size_only: false };
    let check = |opcode, message: &[u8], expected: Reply<'_>| {
        let (header, reply) = decode_reply(question(opcode), message)
            .unwrap_or_else(|malformed| panic!("{malformed}"));
        assert_eq!((header.unique, header.len as usize), (9, message.len()));
        assert_eq!(reply, expected);
    };
    macro_rules! check_struct {
        ($($opcode:ident: $out:ty => $reply:ident,)*) => {$(
            let out: $out = sample();
            check(Opcode::$opcode, &encode::reply_with(9, &out), Reply::$reply(out));
        )*};
    }
    check_struct! {
        Init: InitOut => Init, Lookup: EntryOut => Entry, Mknod: EntryOut => Entry, Mkdir: EntryOut => Entry,
        Symlink: EntryOut => Entry, Link: EntryOut => Entry, Getattr: AttrOut => Attr, Setattr: AttrOut => Attr,
        Open: OpenOut => Open, Opendir: OpenOut => Open, Write: WriteOut => Write, Statfs: StatfsOut => Statfs,
        Getlk: LkOut => Lock, Bmap: BmapOut => Bmap, Poll: PollOut => Poll,
    }
    let (entry, open, out): (EntryOut, OpenOut, IoctlOut) = (sample(), sample(), sample());
    check(Opcode::Create, &encode::created(9, &entry, &open), Reply::Created(entry, open));
    check(Opcode::Ioctl, &encode::ioctl(9, &out, b"data"), Reply::Ioctl(out, b"data"));
    check(Opcode::Read, &encode::reply(9, b"data"), Reply::Data(b"data"));
    check(Opcode::Getxattr, &encode::reply(9, b"value"), Reply::Data(b"value"));
    check(Opcode::Listxattr, &encode::reply(9, b"a\0b\0"), Reply::Names(b"a\0b\0"));
    check(Opcode::Readlink, &encode::reply(9, b"target"), Reply::Target(b"target"));
    check(Opcode::Unlink, &encode::reply(9, b""), Reply::Done);
    check(Opcode::Write, &encode::error(9, Errno::ENOSPC), Reply::Error(Errno::ENOSPC as i32));
    let (size_only, message) =
        (Question { size_only: true, ..question(Opcode::Getxattr) }, encode::xattr_size(9, 5));
    let size = Reply::XattrSize(GetxattrOut { size: 5, padding: 0 });
    assert_eq!(decode_reply(size_only, &message).expect("8 bytes").1, size);
}

#[test]
fn each_notification_round_trips() {
    let inode = NotifyInvalInodeOut { ino: 2, off: -1, len: 4096 };
    let entry = NotifyInvalEntryOut { parent: 1, namelen: 4, padding: 0 };
    assert_eq!(
        decode_notification(&encode::notify_poll(3)),
        Ok(Notification::Poll(NotifyPollWakeupOut { kh: 3 }))
    );
    assert_eq!(
        decode_notification(&encode::notify_inval_inode(2, -1, 4096)),
        Ok(Notification::InvalInode(inode))
    );
    let name = OsStr::new("name");
    assert_eq!(
        decode_notification(&encode::notify_inval_entry(1, name)),
        Ok(Notification::InvalEntry(entry, name))
    );
}

fn file_name() -> impl Strategy<Value = OsString> {
    prop::collection::vec(
        any::<u8>().prop_filter("no NUL, no slash", |byte| ![0, b'/'].contains(byte)),
        1..256,
    )
    .prop_map(OsString::from_vec)
}

proptest! {
    /// With a header that is right: arbitrary bodies for every opcode.
    #[test]
    fn arbitrary_bodies_never_panic(opcode in prop_oneof![0..60_u32, Just(4096), any::<u32>()],
                                    body in prop::collection::vec(any::<u8>(), 0..200)) {
        let message = request(opcode, 3, &[&body]);
        let _ = fields::request(&message).to_string();
        let mut trace = Trace::new(TraceStyle::Raw);
        trace.request(&message);
        let question = Question { opcode, size_only: body.len().is_multiple_of(2) };
        let answer = encode::reply(3, &body);
        let _ = fields::reply(question, &answer).to_string();
        trace.reply(&answer);
        if let Err(malformed) = decode(&message) {
            prop_assert_eq!((malformed.unique, malformed.opcode), (Some(3), Some(opcode)));
            prop_assert!(malformed.offset <= message.len());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut trace = Trace::new(TraceStyle::Stable);
        let _ = fields::request(&bytes).to_string();
        let _ = fields::notification(&bytes).to_string();
        trace.request(&bytes);
        trace.reply(&bytes);
        trace.reply_head(&bytes);
    }

    #[test]
    fn names_pass_unchanged(name in file_name()) {
        let bytes = [name.as_bytes(), b"\0"].concat();
        let message = request(Opcode::Lookup as u32, 4, &[&bytes]);
        prop_assert_eq!(decode(&message).expect("a name").1, Operation::Lookup { name: &name });
        let mut listing = Dirents::new(4096);
        prop_assert!(listing.push(1, 2, 8, &name));
        let (_, again) = dirents(listing.as_bytes()).next().expect("one entry");
        prop_assert_eq!(again, name.as_os_str());
    }

    #[test]
    fn a_listing_never_exceeds_its_limit(names in prop::collection::vec(file_name(), 0..20), limit in 0..2000_usize) {
        let mut listing = Dirents::new(limit);
        let fitting = names.iter().take_while(|name| listing.push(1, 1, 8, name)).count();
        prop_assert!(listing.as_bytes().len() <= limit && listing.as_bytes().len().is_multiple_of(8));
        let read: Vec<_> = dirents(listing.as_bytes()).map(|(_, name)| name.to_owned()).collect();
        prop_assert_eq!(&read[..], &names[..fitting]);
    }
}
