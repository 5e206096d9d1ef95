//! Messages recorded from a real kernel: how they read, and that nothing one does to them makes us
//! panic.

mod recording;

use recording::{Direction, Recording};
use std::collections::BTreeSet;
use std::fmt::Write;
use step02_wire::abi::{
    InHeader, InitFlags, LATER_OPCODES, NotifyCode, OpenReplyFlags, OutHeader, WireStruct,
};
use step02_wire::{
    Opcode, Operation, Question, Reply, Trace, TraceStyle, decode, decode_reply, dirents, fields,
    reply,
};
use zerocopy::FromBytes;

fn lines(style: TraceStyle) -> String {
    let mut lines = String::new();
    for recording in recording::all() {
        let _ = writeln!(lines, "{}", recording.name);
        let mut trace = Trace::new(style);
        for (direction, message) in &recording.messages {
            let line = match direction {
                Direction::Request => trace.request(message),
                Direction::Reply => trace.reply(message),
            };
            let _ = writeln!(lines, "  {line}");
        }
    }
    lines
}

#[test]
fn each_is_one_line() {
    insta::assert_snapshot!("lines_raw", lines(TraceStyle::Raw));
    insta::assert_snapshot!("lines_stable", lines(TraceStyle::Stable));
}

#[test]
fn fields_are_a_table() {
    for name in
        ["init", "lookup", "readdir", "setattr-size", "write", "create", "getlk", "unknown-statx"]
    {
        insta::assert_snapshot!(format!("fields_{name}"), tables(&recording::named(name)));
    }
    insta::assert_snapshot!("fields_notify", tables(&recording::named("notify-inval-entry")));
}

/// What the decoder says of a LOOKUP that was cut or changed: the book shows it.
#[test]
fn a_refusal_says_what_is_missing_and_where() {
    let (_, lookup) = &recording::named("lookup").messages[0];
    let (whole, mut text) = (lookup.len(), String::new());
    let mut say = |what: &str, message: &[u8]| {
        match decode(message) {
            Ok((_, operation)) => writeln!(text, "{what}: {operation:?}"),
            Err(malformed) => {
                let owed =
                    malformed.owed_answer().map_or("to nobody".into(), |u| format!("to #{u}"));
                writeln!(text, "{what}: {malformed}; an answer is owed {owed}")
            }
        }
        .unwrap()
    };
    say("whole", lookup);
    for cut in [7, 20, 40] {
        say(&format!("{cut} bytes of {whole}"), &lookup[..cut]);
    }
    let changed = |at: usize, value: u8| {
        let mut message = lookup.clone();
        message[at] = value;
        message
    };
    say("the last byte is no NUL", &changed(whole - 1, b'x'));
    say("len says 39", &changed(0, 39));
    say("len says 255", &changed(0, 255));
    say("opcode 200", &changed(4, 200));
    insta::assert_snapshot!("refusals", text);
}

fn tables(recording: &Recording) -> String {
    let mut text = String::new();
    let mut question = None;
    for (direction, message) in &recording.messages {
        let table = match (direction, question) {
            (Direction::Request, _) => {
                let (header, operation) =
                    decode(message).expect("a recorded request is well formed");
                question = Some(Question::of(&header, &operation));
                fields::request(message)
            }
            (Direction::Reply, Some(question)) => fields::reply(question, message),
            (Direction::Reply, None) => fields::notification(message),
        };
        assert_eq!(table.fault, None);
        let _ = writeln!(text, "{table}");
    }
    text
}

#[test]
fn each_opcode_is_recorded_and_accepted() {
    let mut seen = BTreeSet::new();
    for recording in recording::all() {
        for (_, message) in
            recording.messages.iter().filter(|(direction, _)| *direction == Direction::Request)
        {
            let (header, _) = decode(message)
                .unwrap_or_else(|malformed| panic!("{}: {malformed}", recording.name));
            seen.insert(header.opcode);
        }
    }
    for opcode in Opcode::ALL {
        assert!(seen.contains(&(*opcode as u32)), "no recording of {opcode}");
    }
    assert!(
        LATER_OPCODES.iter().any(|later| seen.contains(&later.number)),
        "no recording of a later opcode"
    );
}

/// The flags of INIT that kernel and server may agree on, those of OPEN's answer, and the notifications.
#[test]
fn each_flag_and_notification_is_recorded() {
    let (mut init, mut open) = (InitFlags::empty(), OpenReplyFlags::empty());
    let mut notified = BTreeSet::new();
    for Recording { messages, .. } in recording::all() {
        let [(Direction::Request, request), replies @ ..] = &messages[..] else {
            // Nothing was asked: where an answer has its error, a notification has its code.
            let header = OutHeader::read_from_prefix(&messages[0].1).unwrap().0;
            notified.insert(header.error);
            continue;
        };
        let (header, operation) = decode(request).unwrap();
        if let Operation::Init { arg } = operation {
            init |= arg.flags;
        }
        for (_, reply) in replies {
            let answer = decode_reply(Question::of(&header, &operation), reply);
            if let Ok((_, Reply::Open(out) | Reply::Created(_, out))) = answer {
                open |= out.open_flags;
            }
        }
    }
    // FILE_OPS is reserved: no kernel offers it.
    let missing = InitFlags::all() - init - InitFlags::FILE_OPS;
    assert!(missing.is_empty(), "no recording of {missing}");
    let missing = OpenReplyFlags::all() - open;
    assert!(missing.is_empty(), "no recording of {missing}");
    for code in NotifyCode::ALL {
        assert!(notified.contains(&(*code as i32)), "no recording of {code}");
    }
}

/// Every byte of a recorded request belongs to a row, once.
#[test]
fn tables_cover_each_byte() {
    for recording in recording::all() {
        for (_, message) in
            recording.messages.iter().filter(|(direction, _)| *direction == Direction::Request)
        {
            let mut at = 0;
            for row in fields::request(message).rows {
                assert_eq!(row.offset, at, "{}: a gap or an overlap", recording.name);
                assert_eq!(row.bytes, message[at..at + row.bytes.len()]);
                at += row.bytes.len();
            }
            assert_eq!(at, message.len(), "{}", recording.name);
        }
    }
}

/// Cut anywhere, a message is an error. A WRITE may be cut among its data.
#[test]
fn a_cut_message_is_malformed_and_keeps_its_number() {
    for recording in recording::all() {
        for (_, message) in
            recording.messages.iter().filter(|(direction, _)| *direction == Direction::Request)
        {
            let (header, operation) = decode(message).expect("a recorded request is well formed");
            let enough = step02_wire::head_len(&header);
            for len in 0..message.len() {
                try_all(&message[..len], Some(Question::of(&header, &operation)));
                match decode(&message[..len]) {
                    Ok((again, _)) => {
                        assert!(len >= enough && again == header, "{} cut at {len}", recording.name)
                    }
                    Err(malformed) => {
                        assert!(len < enough, "{} cut at {len}: {malformed}", recording.name);
                        assert_eq!(malformed.unique, (len >= 16).then_some(header.unique));
                        assert_eq!(malformed.opcode, (len >= 8).then_some(header.opcode));
                    }
                }
            }
        }
    }
}

/// The same with a `len` that agrees with the cut: the body itself is too short.
#[test]
fn a_short_body_is_never_taken_for_a_whole_one() {
    for recording in
        recording::all().iter().filter(|recording| !recording.name.starts_with("unknown"))
    {
        for (_, message) in
            recording.messages.iter().filter(|(direction, _)| *direction == Direction::Request)
        {
            let (header, operation) = decode(message).expect("a recorded request is well formed");
            let known = match header.opcode {
                26 => InHeader::SIZE + 16, // an INIT is longer than we know
                _ => message.len(),
            };
            for len in InHeader::SIZE..known {
                let mut cut = message[..len].to_vec();
                cut[..4].copy_from_slice(&(len as u32).to_ne_bytes());
                try_all(&cut, Some(Question::of(&header, &operation)));
                // Without their data, the last name or the last field, all that remains is an
                // error.
                let malformed =
                    decode(&cut).expect_err(&format!("{} of {len} bytes", recording.name));
                assert_eq!(malformed.unique, Some(header.unique));
                assert!(malformed.offset <= len);
            }
        }
    }
}

#[test]
fn a_flipped_bit_never_panics() {
    for recording in recording::all() {
        let mut question = None;
        for (direction, message) in &recording.messages {
            if let (Direction::Request, Ok((header, operation))) = (direction, decode(message)) {
                question = Some(Question::of(&header, &operation));
            }
            for i in 0..message.len().min(512) {
                for mask in [0xff, 1, 2, 4, 8, 16, 32, 64, 128] {
                    let mut flipped = message.clone();
                    flipped[i] ^= mask;
                    try_all(&flipped, question);
                }
            }
        }
    }
}

/// A reply that is cut, or one byte too long, is an error, as it is to the kernel, and the trace
/// says so.
#[test]
fn a_reply_of_the_wrong_size_is_shown_as_such() {
    for name in [
        "getattr", "open", "write", "init", "statfs", "create", "getlk", "bmap", "poll", "flush",
        "readdir",
    ] {
        let recording = recording::named(name);
        let [(_, request), (_, reply)] = &recording.messages[..] else {
            panic!("{name} is not an exchange")
        };
        for len in (16..reply.len()).chain([reply.len() + 1]) {
            let mut wrong = reply.clone();
            wrong.resize(len, 1);
            wrong[..4].copy_from_slice(&(len as u32).to_ne_bytes());
            let mut trace = Trace::new(TraceStyle::Stable);
            trace.request(request);
            let line = trace.reply(&wrong);
            // READDIR's answer may be cut between two entries.
            let whole_entries = name == "readdir" && [16, 48, 80].contains(&len);
            assert_eq!(line.contains("malformed"), !whole_entries, "{name}, {len} bytes: {line}");
        }
    }
}

/// Everything that reads messages, on these bytes.
fn try_all(message: &[u8], question: Option<Question>) {
    let question = question.unwrap_or(Question { opcode: Opcode::Lookup as u32, size_only: false });
    let _ = decode(message).map_err(|malformed| malformed.to_string());
    let _ = decode_reply(question, message).map(|(_, reply)| reply.to_string());
    let _ = reply::decode_notification(message).map(|notification| notification.to_string());
    let _ = dirents(message).count();
    let _ = fields::request(message).to_string();
    let _ = fields::reply(question, message).to_string();
    let _ = fields::notification(message).to_string();
    for style in [TraceStyle::Raw, TraceStyle::Stable, TraceStyle::Bytes] {
        let mut trace = Trace::new(style);
        assert!(!trace.request(message).contains('\n'));
        assert!(!trace.reply(message).contains('\n'));
    }
}
