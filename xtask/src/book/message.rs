//! `{{#message NAME}}`: a recorded message of step 02 in the explorer.

use std::path::Path;

use crate::book::explorer::{Message, explorer};
use crate::book::fault::Problem;
use crate::book::html::escaped;
use crate::book::recording::{self, DIRECTORY, Direction, Recorded, Recording};

/// What to write.
const FORM: &str = "Write {{#message NAME}} for the request, {{#message NAME ←}} for the reply or the \
                    notification, {{#message NAME → 2}} for the second request.";

/// The request of `NAME`, the reply of `NAME ←`, the second request of `NAME → 2`, as HTML.
pub fn message(root: &Path, argument: &str) -> Result<String, Problem> {
    let mut words = argument.split_whitespace();
    let name = words.next().ok_or_else(|| Problem::new("no message is named", FORM))?;
    let (direction, number) = match (words.next(), words.next(), words.next()) {
        (None, None, None) => (Direction::Request, Ok(1)),
        (Some("→"), number, None) => (Direction::Request, number.map_or(Ok(1), str::parse)),
        (Some("←"), number, None) => (Direction::Reply, number.map_or(Ok(1), str::parse)),
        _ => return Err(Problem::new(format!("{argument:?} names no message"), FORM)),
    };
    let recording = recording::named(root, name)?;
    let of_this_kind =
        || recording.messages.iter().filter(|message| message.direction == direction);
    let message = number.ok().and_then(|n: usize| of_this_kind().nth(n.checked_sub(1)?));
    let message = message.ok_or_else(|| {
        let (requests, all) = (recording.requests().count(), recording.messages.len());
        let what = format!(
            "{name} has {requests} request(s) and {} other message(s), and not this one",
            all - requests
        );
        Problem::new(what, FORM)
    })?;
    Ok(figure(&recording, message))
}

/// One message with its caption.
pub fn figure(recording: &Recording, message: &Recorded) -> String {
    let arrow = match message.direction {
        Direction::Request => "→ from the kernel",
        Direction::Reply => "← to the kernel",
    };
    let Recording { name, comment, .. } = recording;
    let (what, origin) = comment.split_first().map_or(("", &[][..]), |(what, rest)| (what, rest));
    format!(
        "<figure class=\"message-figure\">\n<figcaption><p><b>{arrow}.</b> {}</p>\
         <p class=\"from\">{DIRECTORY}/{name}.hex. {}</p></figcaption>\n{}</figure>\n",
        escaped(what),
        escaped(&origin.join(" ")),
        explorer(&Message { bytes: &message.bytes, table: recording.table(message) }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps;

    fn shown(argument: &str) -> Result<String, String> {
        message(&steps::workspace_root(), argument)
            .map_err(|problem| problem.at("x.md", 1).to_string())
    }

    #[test]
    fn request_reply_and_a_second_request_have_their_forms() {
        let request = shown("lookup").unwrap();
        assert_eq!(shown("lookup →"), Ok(request.clone()));
        assert!(request.contains("fuse_in_header") && request.contains("cat looks for hello.txt"));
        assert!(request.contains("recorded/lookup.hex. Recorded on Linux"));
        assert!(shown("lookup ←").unwrap().contains("fuse_entry_out"));
        assert!(shown("interrupt").unwrap().contains("fuse_read_in"));
        assert!(shown("interrupt → 2").unwrap().contains("fuse_interrupt_in"));
        assert!(shown("notify-poll ←").unwrap().contains("fuse_notify_poll_wakeup_out"));
    }

    /// What ends a block of HTML in markdown is an empty line.
    #[test]
    fn it_is_one_block() {
        for argument in ["lookup", "readdir ←", "write-cached", "readdir-end ←"] {
            let html = shown(argument).unwrap();
            assert!(html.starts_with("<figure"), "{argument}");
            assert!(html.lines().all(|line| !line.trim().is_empty()), "{argument}: {html}");
        }
    }

    #[test]
    fn faults_say_what_there_is() {
        for (argument, expected) in [
            ("", "no message is named"),
            ("lokup", "Nearest: lookup.hex"),
            ("lookup <-", "names no message"),
            ("lookup → 2", "1 request(s)"),
            ("lookup → 0", "1 request(s)"),
            ("lookup → x", "1 request(s)"),
            ("notify-poll", "0 request(s) and 1 other message(s)"),
            ("forget ←", "and 0 other message(s)"),
        ] {
            let fault = shown(argument).unwrap_err();
            assert!(fault.contains(expected), "{argument:?}: {fault}");
        }
    }
}
