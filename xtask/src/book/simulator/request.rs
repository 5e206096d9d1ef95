//! A WRITE on its way in: its switches, and the words for each call.

use kernel_tests::played::{Play, State};

use super::drawing::Place;
use super::{Kind, Switch};

pub const KIND: Kind = Kind {
    name: "request",
    title: "A WRITE on its way from a client to a file, call by call.",
    switches: &[
        Switch { name: "data", legend: "WRITE", values: &[("large", "large"), ("small", "small")] },
        Switch { name: "slots", legend: "Slots", values: &[("64", "64"), ("16", "16")] },
        Switch {
            name: "client",
            legend: "The client’s file",
            values: &[("cached", "cached"), ("direct", "direct I/O")],
        },
        Switch {
            name: "target",
            legend: "The target",
            values: &[("plain", "as ever"), ("append", "opened for appending")],
        },
    ],
    places: &[
        Place { name: "client", title: "client’s pages", says: false, above: true, what: "data" },
        Place {
            name: "buffer", title: "server’s buffer", says: false, above: false, what: "data"
        },
        Place { name: "target", title: "target file", says: false, above: false, what: "data" },
    ],
    words,
};

/// What happened in the n-th state.
fn words(play: &Play, n: usize) -> String {
    let State { call, result, copied, pipes, .. } = &play.states[n];
    let before = n.checked_sub(1).map_or("", |n| &play.states[n].call);
    let slots = pipes.first().map_or(0, |pipe| pipe.slots);
    match call.split('(').next().unwrap_or_default() {
        "write" if result == "waits" => {
            "A client writes, and sleeps until there is an answer. The pipe is empty.".into()
        }
        "splice" if call.starts_with("splice(/dev/fuse") && result == "EINVAL" => format!(
            "A pipe of {slots} slots has too little room for the largest request, and the kernel says \
             EINVAL before it takes any from its queue. However large this one is: it is still there."
        ),
        "splice" if call.starts_with("splice(/dev/fuse") => {
            let data = pipes.iter().flat_map(|pipe| &pipe.held).find(|run| run.what == "data");
            match data.map_or("", |run| run.whose.as_str()) {
                "copy" => "One splice, one whole request. With direct I/O the data are in the client’s \
                           own memory, and of that the kernel gives a copy: nobody knows how long a pipe \
                           would hold on to it."
                    .into(),
                _ => "One splice, one whole request. Its head was copied. Its data are pages of the \
                      kernel’s cache of the client’s file, and the slots refer to them."
                    .into(),
            }
        }
        "read" if call.starts_with("read(/dev/fuse") => {
            "Nothing was lost: read(2) has the same request. All of it is copied to the server’s buffer.".into()
        }
        "read" if before.starts_with("splice(/dev/fuse") => {
            "The head is read out, for the decoder. Now we know that it is a WRITE.".into()
        }
        "splice" if result == "EINVAL" => "A file that was opened for appending cannot be spliced to: \
                                           EINVAL. The pipe is as it was."
            .into(),
        "splice" => "The data go to the target’s page cache: the one copy of them that the server causes. \
                     It has never held them."
            .into(),
        "read" => "So the data are copied to the server’s buffer …".into(),
        "pwrite" => "… and from there to the target, as in step 07: one copy more than by splice.".into(),
        "write" if call.contains("/dev/fuse") => "A small answer, in one write(2).".into(),
        "write" => format!(
            "The client wakes up: {result} bytes are written. On the way {copied} bytes were copied."
        ),
        _ => String::new(),
    }
}
