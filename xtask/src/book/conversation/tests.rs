use std::fs;

use step02_wire::{Trace, TraceStyle};

use super::*;
use crate::steps;

/// The names of all recordings.
fn names() -> Vec<String> {
    let dir = steps::workspace_root().join("tests/snapshots");
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let name = |file: String| {
        let file = file.strip_suffix("_bytes@6.12.snap")?;
        Some(file.strip_prefix("kernel__")?.to_owned())
    };
    let mut names: Vec<_> = files.filter_map(|file| name(file.into_string().unwrap())).collect();
    names.sort();
    assert!(names.len() >= 13, "{names:?}");
    names
}

fn recorded(name: &str) -> String {
    let file = format!("tests/snapshots/kernel__{name}_bytes@6.12.snap");
    let text = fs::read_to_string(steps::workspace_root().join(file)).unwrap();
    text.splitn(3, "---\n").nth(2).unwrap().to_owned()
}

fn drawn(argument: &str) -> String {
    conversation(&steps::workspace_root(), argument).unwrap()
}

/// Text without its tags.
fn plain(html: &str) -> String {
    let texts = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |(_, text)| text));
    let text: String = texts.collect();
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

fn summaries(html: &str) -> Vec<String> {
    let starts = html.split("<summary>").skip(1);
    starts.map(|rest| plain(rest.split_once("</summary>").unwrap().0)).collect()
}

/// What the decoder says of the recorded bytes, read in another way than the figure reads them.
fn decoded(name: &str) -> Vec<String> {
    let mut trace = Trace::new(TraceStyle::Stable);
    let text = recorded(name);
    let lines = text.lines().filter(|line| line.starts_with(['→', '←']));
    let line = |line: &str| {
        let (digits, more) =
            line[3..].split_once('+').map_or((&line[3..], None), |(digits, more)| {
                (digits, more.split_once(" bytes").map(|(_, how)| how))
            });
        let bytes: Vec<_> =
            digits.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
        match (line.starts_with('→'), more) {
            (true, _) => trace.request(&bytes),
            (false, Some(how)) => trace.reply_head(&bytes) + how,
            (false, None) => trace.reply(&bytes),
        }
    };
    lines.map(line).collect()
}

#[test]
fn each_figure_says_what_the_decoder_says() {
    for name in names() {
        let html = drawn(&name);
        assert_eq!(summaries(&html), decoded(&name), "{name}");
        let rows =
            html.matches("<li class=\"").count() - html.matches("<li class=\"message-").count();
        assert_eq!(rows, recorded(&name).lines().count(), "{name}");
    }
}

#[test]
fn each_figure_is_one_block() {
    for name in names() {
        let html = drawn(&name);
        assert!(
            html.starts_with("<div class=\"from\">drawn from what was recorded: tests/snapshots/")
        );
        assert!(html.contains("@6.12.snap, Linux 6.12</div>"), "{name}");
        assert!(html.lines().all(|line| !line.trim().is_empty()), "{name}: an empty line");
        assert!(!html.contains(" id="), "{name}: an id");
    }
}

#[test]
fn requests_and_replies_have_a_number_in_common() {
    let html = drawn("step04__visit from \"$ cat mnt/nothing\"");
    assert_eq!(html.matches("data-number=\"12\"").count(), 2, "{html}");
    assert!(html.contains("<b>#12</b>"), "{html}");
    assert!(html.contains("Error: cat: mnt/nothing: No such file"), "{html}");
    assert_eq!(summaries(&html).len(), 2);
}

#[test]
fn a_part_is_what_stands_between() {
    let lines = summaries(&drawn("step04__visit from \"OPENDIR\" to \"← #4\""));
    assert!(lines[0].starts_with("→ #3 OPENDIR"), "{lines:?}");
    assert!(lines.len() == 4 && lines[3].starts_with("← #4 READDIR"), "{lines:?}");
}

/// Who sleeps after each event: a column for each client, one for the server.
fn sleepers(name: &str) -> Vec<String> {
    let conversation = Conversation::parse(&recorded(name)).unwrap();
    let mark = |nap: &Option<Nap>| match nap {
        Some(Nap { begins: true, .. }) => 'Z',
        Some(_) => 'z',
        None => '.',
    };
    let asleep = sleep::asleep(&conversation.events);
    let rows = conversation.events.iter().zip(&asleep).map(|(event, asleep)| {
        let clients: String = asleep.clients.iter().map(mark).collect();
        let line: String = part::line(event).chars().take(16).collect();
        format!("{clients} {} {}", mark(&asleep.server), line.trim_end())
    });
    rows.collect()
}

#[test]
fn who_waits_for_an_answer_sleeps() {
    let lock = sleepers("step08__lock");
    let from = lock.iter().position(|line| line.contains("$ B posix f wait")).unwrap();
    assert_eq!(
        lock[from..],
        [
            ".. z $ B posix f wait",
            // Kept, and back to read(2).
            "Z. Z → #6 SETLKW(node",
            "z. z $ A posix f try",
            "zZ . → #7 SETLK(node",
            ".z . ← #6 SETLKW = ok",
            ".. . ← #7 SETLK = ok",
            ".. . A: ok",
            ".. . B: ok",
        ],
        "{lock:#?}"
    );
}

#[test]
fn a_notification_wakes_nobody_who_reads() {
    let watch = sleepers("step09__watch");
    let from = watch.iter().position(|line| line.contains("→ #6 POLL")).unwrap();
    assert_eq!(
        watch[from..from + 4],
        [
            "Z . → #6 POLL(node 2",
            ". Z ← #6 POLL = {rev",
            ". z ← NOTIFY_INVAL_I",
            ". z ← NOTIFY_INVAL_E",
        ]
    );
}

#[test]
fn before_init_is_answered_every_client_sleeps() {
    let hang = sleepers("step01__hang");
    assert_eq!(hang[1..4], [". . → #1 INIT(versio", "Z . $ ls /tmp/m", "z . # umount /tmp/m"]);
    assert!(hang[4].starts_with(". . Error: ls"), "{hang:?}");
    assert!(drawn("step01__hang").contains("the client sleeps: INIT has no answer"));
}

#[test]
fn each_fault_says_what_to_do() {
    for (argument, expected) in [
        ("step04__vizit", "Nearest: kernel__step04__visit_bytes@6.12.snap"),
        ("step04__vizit", "cargo xtask vm-test 04 --accept"),
        ("step04__visit 3-4", "names no part"),
        ("step04__visit from \"a\" to", "names no part"),
        ("step04__visit from \"a\" \"b\"", "names no part"),
        ("step04__visit from \"$ lz mnt\"", "nothing in step04__visit contains \"$ lz mnt\""),
        ("step04__visit from \"$ lz mnt\"", "Nearest: $ ls mnt"),
        (
            "step04__visit from \"$ cat\" to \"$ ls\"",
            "from \"$ cat mnt/hello.txt\" on contains \"$ ls\"",
        ),
    ] {
        let problem = conversation(&steps::workspace_root(), argument).unwrap_err();
        let fault = problem.at("x.md", 1).to_string();
        assert!(fault.contains(expected), "{argument}: {fault}");
    }
}
