//! `{{#messages}}`: every recorded message, grouped by what it is for.

use std::fmt::Write;
use std::path::Path;

use step02_wire::abi::{LaterOpcode, NotifyCode};
use step02_wire::{Opcode, decode};

use crate::book::fault::Problem;
use crate::book::html::escaped;
use crate::book::message::figure;
use crate::book::recording::{self, Recording};

/// The opcodes by what they are for, each group in order of number.
const GROUPS: [(&str, &[Opcode]); 6] = {
    use Opcode::*;
    [
        ("The session", &[Init, Interrupt, Destroy]),
        (
            "A directory, and names in it",
            &[Lookup, Symlink, Mknod, Mkdir, Unlink, Rmdir, Rename, Link, Create],
        ),
        (
            "A node",
            &[
                Forget,
                Getattr,
                Setattr,
                Readlink,
                Statfs,
                Setxattr,
                Getxattr,
                Listxattr,
                Removexattr,
                Access,
                Bmap,
            ],
        ),
        (
            "An open file",
            &[Open, Read, Write, Release, Fsync, Flush, Getlk, Setlk, Setlkw, Ioctl, Poll],
        ),
        ("An open directory", &[Opendir, Readdir, Releasedir, Fsyncdir]),
        ("A character device", &[CuseInit]),
    ]
};

/// Messages of one kind.
struct Kind {
    /// `LOOKUP`, `NOTIFY_POLL`.
    name: String,
    /// What it asks or says.
    meaning: String,
    recordings: Vec<Recording>,
}

/// All recordings, as markdown: links, then for each group its kinds, each recording folded away.
pub fn messages(root: &Path) -> Result<String, Problem> {
    let groups = groups(recording::all(root)?)?;
    let mut page = String::new();
    for (title, kinds) in &groups {
        let links = kinds.iter().map(|kind| format!("[{}](#{})", kind.name, id(&kind.name)));
        let _ = writeln!(page, "- **{title}:** {}", links.collect::<Vec<_>>().join(", "));
    }
    for (title, kinds) in &groups {
        let _ = write!(page, "\n## {title}\n");
        for Kind { name, meaning, recordings } in kinds {
            let _ = write!(page, "\n### {name}\n\n{meaning}\n");
            for recording in recordings {
                let what = recording.comment.first().map_or("", String::as_str);
                let _ = write!(page, "\n<details><summary>{}</summary>\n", escaped(what));
                recording.messages.iter().for_each(|message| page += &figure(recording, message));
                page += "</details>\n";
            }
        }
    }
    Ok(page)
}

/// The id that mdBook gives to the heading of a kind.
fn id(name: &str) -> String {
    name.to_lowercase()
}

fn groups(recordings: Vec<Recording>) -> Result<Vec<(&'static str, Vec<Kind>)>, Problem> {
    let mut rest = recordings;
    let mut take = |wanted: &dyn Fn(&Recording) -> bool| {
        let taken: Vec<_>;
        (taken, rest) = std::mem::take(&mut rest).into_iter().partition(|r| wanted(r));
        taken
    };
    let mut groups = Vec::new();
    for (title, opcodes) in GROUPS {
        let kind = |opcode: &Opcode| Kind {
            name: opcode.name().into(),
            meaning: format!(
                "Opcode {}, since 7.{}: {}{}",
                *opcode as u32,
                opcode.since(),
                opcode.meaning(),
                if opcode.meaning().ends_with('?') { "" } else { "." }
            ),
            recordings: take(&|recording| number(recording) == Some(*opcode as u32)),
        };
        groups.push((title, opcodes.iter().map(kind).collect::<Vec<_>>()));
    }
    let notification = |code: &NotifyCode| Kind {
        name: code.to_string(),
        meaning: format!("Code {}, said by the server without being asked.", *code as i32),
        recordings: take(&|recording| {
            let code = (*code as i32).to_ne_bytes();
            number(recording).is_none() && recording.messages[0].bytes.get(4..8) == Some(&code)
        }),
    };
    groups.push(("Notifications", NotifyCode::ALL.iter().map(notification).collect()));

    let mut later: Vec<_> =
        rest.iter().filter_map(number).filter_map(LaterOpcode::from_u32).collect();
    later.sort_by_key(|later| later.number);
    let kind = |later: LaterOpcode| {
        let of_this_kind = |recording: &Recording| number(recording) == Some(later.number);
        let (recordings, others) = std::mem::take(&mut rest).into_iter().partition(of_this_kind);
        rest = others;
        Kind {
            name: later.name.into(),
            meaning: format!("Opcode {}, since 7.{}.", later.number, later.since),
            recordings,
        }
    };
    groups.push(("Newer than 7.14", later.into_iter().map(kind).collect()));
    match rest.first() {
        Some(lost) => Err(Problem::new(
            format!("the recording {} belongs to no group", lost.name),
            "Give its opcode a group in xtask/src/book/messages.rs",
        )),
        None => Ok(groups),
    }
}

/// The opcode that a recording is about: that of its last request. None: a notification.
fn number(recording: &Recording) -> Option<u32> {
    let request = recording.requests().last()?;
    decode(&request.bytes).ok().map(|(header, _)| header.opcode)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::steps;

    fn page() -> String {
        messages(&steps::workspace_root()).unwrap_or_else(|problem| panic!("{problem:?}"))
    }

    #[test]
    fn each_recording_and_each_opcode_is_there_once() {
        let page = page();
        let recordings = recording::all(&steps::workspace_root()).unwrap();
        assert_eq!(page.matches("<details>").count(), recordings.len());
        let messages: usize = recordings.iter().map(|recording| recording.messages.len()).sum();
        assert_eq!(page.matches("<div class=\"message\">").count(), messages);
        let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        for opcode in Opcode::ALL {
            assert_eq!(
                headings.iter().filter(|name| **name == opcode.name()).count(),
                1,
                "{opcode}"
            );
        }
        assert!(headings.contains(&"NOTIFY_INVAL_ENTRY") && headings.contains(&"STATX"));
    }

    #[test]
    fn groups_are_in_order_of_number() {
        for (title, opcodes) in GROUPS {
            assert!(opcodes.is_sorted(), "{title}");
        }
    }

    #[test]
    fn the_links_at_the_top_lead_to_the_headings() {
        let page = page();
        let links: BTreeSet<_> = page
            .split("](#")
            .skip(1)
            .map(|link| link.split(')').next().unwrap().to_owned())
            .collect();
        let headings = page.lines().filter_map(|line| line.strip_prefix("### "));
        assert_eq!(links, headings.map(str::to_lowercase).collect());
    }

    #[test]
    fn no_kind_is_without_a_recording() {
        for (_, kinds) in groups(recording::all(&steps::workspace_root()).unwrap()).unwrap() {
            for kind in kinds {
                assert!(!kind.recordings.is_empty(), "{}", kind.name);
            }
        }
    }
}
