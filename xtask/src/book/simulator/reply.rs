//! The answer to a READ: its switches, and the words for each call.

use kernel_tests::played::{Play, State};

use super::drawing::Place;
use super::{Kind, Switch};

pub const KIND: Kind = Kind {
    name: "reply",
    title: "An answer to a READ on its way through a pipe, call by call.",
    switches: &[
        Switch {
            name: "strategy",
            legend: "Strategy",
            values: &[("patch", "patch"), ("optimistic", "optimistic")],
        },
        Switch {
            name: "data",
            legend: "Data",
            values: &[("short", "the file ends early"), ("whole", "all that is asked for")],
        },
        Switch { name: "slots", legend: "Slots", values: &[("16", "16"), ("64", "64")] },
        Switch {
            name: "memory",
            legend: "Header’s memory",
            values: &[("shared", "shared"), ("private", "private")],
        },
        Switch {
            name: "fork",
            legend: "A fork at the wrong moment",
            values: &[("no", "no"), ("yes", "yes")],
        },
    ],
    places: &[
        Place {
            name: "memory", title: "header’s memory", says: true, above: true, what: "header"
        },
        Place {
            name: "cache", title: "file’s page cache", says: false, above: true, what: "data"
        },
        Place {
            name: "buffer", title: "server’s buffer", says: false, above: false, what: "data"
        },
        Place { name: "client", title: "client", says: false, above: false, what: "data" },
    ],
    words,
};

/// What happened in the n-th state.
fn words(play: &Play, n: usize) -> String {
    let state = &play.states[n];
    let State { call, result, copied, .. } = state;
    let header = state.pipes.iter().flat_map(|pipe| &pipe.held).find(|run| run.what == "header");
    let whose = header.map_or("", |run| run.whose.as_str());
    // A message that was eaten: what it said before.
    let before = n.checked_sub(1).map(|n| &play.states[n]);
    let said = |state: &State| {
        let runs = state.pipes.iter().flat_map(|pipe| &pipe.held);
        runs.filter_map(|run| run.says).next_back().unwrap_or(0)
    };
    let announced = said(state);
    let came = result.split(',').next().unwrap_or_default();
    match call.split(['(', ' ']).next().unwrap_or_default() {
        "read" if result == "waits" => {
            "A client has asked, and sleeps. Its READ is in our hands; the pipe is empty.".into()
        }
        "vmsplice" => "The pipe refers to the header’s memory. Nothing was copied: what is written there \
                       from now on is in the pipe as well."
            .into(),
        "write" if call.contains("→ pipe") => format!(
            "The header is copied into a page of the pipe’s own. It announces {announced}, and nobody \
             can change that any more."
        ),
        "splice" if call.starts_with("splice(file") => match () {
            () if result.contains("EndOfData") => format!(
                "The file has ended: {came} bytes came, and no page was copied. But the header in front \
                 of them announces {announced}."
            ),
            () if result.contains("PipeFull") => format!(
                "No slot is free: {came} bytes came, and the file has more. To the client so short an \
                 answer would be the end of the file, so it must not be sent. (Step 11 counts the slots \
                 first, and does not even try.)"
            ),
            () => format!(
                "All that was asked for came, and no page was copied. {announced}, the header says, and \
                 that is right."
            ),
        },
        "fork" => match whose {
            "memory" => "Somebody forks. The header’s memory is shared: parent and child have one page, and \
                         it is the one that the pipe refers to."
                .into(),
            "left" => "Somebody forks. The header’s memory is private: whoever writes to it next gets a copy \
                       of the page, and the pipe’s reference is to the page that is left behind."
                .into(),
            _ => "Somebody forks. The pipe has a header of its own, so that does nothing to it.".into(),
        },
        "header.len" if whose == "left" => "The true length is written into the header’s memory. That is \
                                            another page now; in the pipe the old length stays."
            .into(),
        "header.len" => {
            "The true length is written into the header’s memory, and so it is in the pipe.".into()
        }
        "pipe2" => "What is at the front of a pipe can be read out, but nothing can be put there. So there \
                    is a second pipe."
            .into(),
        "read" if call.starts_with("read(pipe") => "The old header is read out, and thrown away.".into(),
        "write" if call.contains("→ second") => {
            "The new header goes first, with the true length.".into()
        }
        "splice" if call.contains("→ second") => {
            "The data move behind it. A slot’s reference changes its pipe; no page is copied.".into()
        }
        "splice" if result == "EINVAL" => format!(
            "The header says {}, and there are fewer bytes: EINVAL. The message was eaten, and the \
             client still waits.",
            before.map_or(0, said)
        ),
        "splice" => "One splice, one whole message. The kernel copies from the slots to the client’s \
                     pages: the one copy of the data that is left."
            .into(),
        "close" if before.is_some_and(|state| state.result == "EINVAL") => {
            "A pipe in doubt is thrown away. The answer is still owed, and it takes the way of step 05.".into()
        }
        "close" => "The pipe is thrown away with all that is in it. A file can be read again: the answer \
                    takes the way of step 05."
            .into(),
        "pread" => "The data are copied, into the server’s buffer …".into(),
        "write" => "… and copied once more, from there to the client.".into(),
        "read" => format!(
            "The client wakes up, and has {result} bytes. On the way {copied} bytes were copied."
        ),
        _ => String::new(),
    }
}
