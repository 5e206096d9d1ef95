use super::*;
use nix::errno::Errno;
use step02_wire::abi::{Attr, AttrOut, FlushIn, GetattrIn, InHeader, WriteIn};
use step02_wire::encode;
use zerocopy::IntoBytes;

fn request(opcode: Opcode, unique: u64, pid: u32, body: &[u8]) -> Vec<u8> {
    let len = (InHeader::SIZE + body.len()) as u32;
    let header =
        InHeader { len, opcode: opcode as u32, unique, nodeid: 1, pid, ..Default::default() };
    [header.as_bytes(), body].concat()
}

/// As a server with --trace=bytes prints them.
fn recording() -> String {
    let mut trace = Trace::new(TraceStyle::Bytes);
    let attr = Attr { ino: 1, mtime: 1234, mtimensec: 5, ..Attr::default() };
    let flush = FlushIn { fh: 1, lock_owner: 0xdead_beef, ..FlushIn::default() };
    let lines = [
        "$ stat mnt".to_owned(),
        trace.request(&request(Opcode::Getattr, 2, 57, GetattrIn::default().as_bytes())),
        trace.reply(&encode::reply_with(2, &AttrOut { attr, ..AttrOut::default() })),
        "a directory".to_owned(),
        trace.request(&request(Opcode::Flush, 4, 58, flush.as_bytes())),
        trace.request(&request(Opcode::Readlink, 6, 57, b"")),
        trace.reply(&encode::error(4, Errno::ENOSYS)),
        "  copied: asked for".to_owned(),
        trace.reply_head(&encode::reply(6, &[0; 300])[..16]) + ", spliced (patch)",
        trace.request(&request(Opcode::Forget, 8, 0, &1_u64.to_ne_bytes())),
        trace.reply(&encode::notify_poll(3)),
        "# the end".to_owned(),
    ];
    lines.map(|line| line + "\n").concat()
}

#[test]
fn a_recording_reads_back() {
    let text = recording();
    let conversation = Conversation::parse(&text).unwrap();
    assert_eq!(conversation.to_string(), text);
    assert_eq!(conversation.unanswered(), [""; 0]);
    let lines: Vec<_> = conversation.messages().map(|message| message.line.as_str()).collect();
    assert_eq!(lines[0], "→ #1 GETATTR(node 1)");
    assert_eq!(lines[4], "← #2 FLUSH = -ENOSYS (Function not implemented)");
    assert_eq!(lines[5], "← #3 READLINK = 300 bytes, spliced (patch)");
    assert_eq!(lines[7], "← NOTIFY_POLL(kh=3)");
    let kinds: Vec<_> = conversation.events.iter().map(|event| event.message().is_some()).collect();
    assert_eq!(kinds.iter().filter(|is_message| !*is_message).count(), 4);
    assert_eq!(conversation.events[7], Event::Remark("copied: asked for".into()));
}

#[test]
fn of_a_spliced_message_the_head_has_fields() {
    let conversation = Conversation::parse(&recording()).unwrap();
    let spliced = conversation.messages().nth(5).unwrap();
    assert_eq!((spliced.bytes.len(), spliced.elsewhere), (16, 300));
    let table = spliced.table();
    assert_eq!((table.rows.len(), table.fault), (3, None));

    let arg = WriteIn { size: 4096, ..WriteIn::default() };
    let whole = request(Opcode::Write, 2, 1, &[arg.as_bytes(), &[7; 4096]].concat());
    let line = Trace::new(TraceStyle::Bytes).request(&whole[..80]);
    let conversation = Conversation::parse(&line).unwrap();
    let write = conversation.messages().next().unwrap();
    assert_eq!((write.elsewhere, write.table().fault), (4096, None));
    assert!(write.line.contains("4096 bytes at 0"), "{}", write.line);
}

#[test]
fn masked_it_is_the_same_but_for_what_differs_from_run_to_run() {
    let conversation = Conversation::parse(&recording()).unwrap();
    let masked = conversation.masked().unwrap();
    let processes: Vec<_> = masked.messages().map(|message| message.process).collect();
    assert_eq!(processes, [1, 1, 2, 1, 2, 1, 0, 0]);
    let value = |n: usize, field: &str| {
        let table = masked.messages().nth(n).unwrap().table();
        table.rows.into_iter().find(|row| row.field == field).unwrap().value
    };
    assert_eq!((value(1, "attr.mtime"), value(1, "attr.mtimensec")), ("0".into(), "0".into()));
    assert_eq!((value(1, "attr.ino"), value(2, "lock_owner")), ("1".into(), "1".into()));
    let lines = |it: &Conversation| it.messages().map(|m| m.line.clone()).collect::<Vec<_>>();
    assert_eq!(lines(&masked), lines(&conversation));
    assert_eq!(masked.masked().unwrap(), masked);
}

#[test]
fn what_has_no_answer_is_told() {
    let text = recording();
    let cut: Vec<_> = text.lines().filter(|line| !line.contains("spliced")).collect();
    let conversation = Conversation::parse(&cut.join("\n")).unwrap();
    assert_eq!(conversation.unanswered(), ["→ #3 READLINK(node 1)"]);
}

#[test]
fn what_is_no_message_is_told() {
    let text = recording();
    let reply = text.lines().nth(2).unwrap();
    let request = text.lines().nth(1).unwrap();
    for (broken, expected) in [
        (format!("{text}{reply}"), "line 13 of the recording"),
        (format!("{text}{reply}"), "which nobody asks, or which has its answer"),
        (text.replace(reply, &reply[..reply.len() - 3]), "malformed at byte 0"),
        (request[..request.len() - 3].to_owned(), "malformed"),
        (format!("{request} 00"), "its length says 56, and it has 57 bytes"),
        (format!("{request} + 3 bytes"), "and it has 59 bytes"),
        (format!("{request} + 3"), "no \"bytes\""),
        (format!("{request} + 3 bytes and"), "behind the bytes"),
        (request.replace("38", "3x"), "\"3x\" is no byte"),
        ("← 10 00".to_owned(), "too few bytes"),
        ("→".to_owned(), "too few bytes"),
    ] {
        let fault = format!("{:#}", Conversation::parse(&broken).unwrap_err());
        assert!(fault.contains(expected), "{expected}: {fault}");
    }
}
