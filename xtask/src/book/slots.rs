//! `{{#slots NAME LABEL}}`: a reply in a pipe, slot by slot, drawn from recorded system calls.
//!
//! LABEL is the line above the calls: `the last 100000 bytes, patch`.

use std::fmt::Write;
use std::path::Path;

use crate::book::fault::Problem;
use crate::book::output;

/// What a slot can refer to.
const PAGE: usize = 4096;

/// The figure, as HTML.
pub fn slots(root: &Path, argument: &str) -> Result<String, Problem> {
    let (name, label) = argument.split_once(' ').ok_or_else(|| {
        Problem::new(
            "it names no calls",
            "Write {{#slots NAME LABEL}}, with the line above the calls.",
        )
    })?;
    let recorded = output::output(root, name)?;
    let message = message(&recorded.lines, label).ok_or_else(|| {
        let advice = "It takes a vmsplice, splices of data, and a splice of the whole. Look at what is recorded.";
        Problem::new(format!("{name} has no message below {label:?}:"), advice)
    })?;
    Ok(figure(message, &recorded.caption))
}

/// A message in a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message {
    /// Bytes of the header.
    header: usize,
    /// Bytes behind it.
    data: usize,
}

/// What the calls below `label:` put into the pipe.
fn message(lines: &[String], label: &str) -> Option<Message> {
    let label = format!("{label}:");
    let below = lines.iter().skip_while(|line| **line != label).skip(1);
    let calls = below.take_while(|line| line.starts_with(' '));
    let calls: Vec<(&str, usize)> = calls
        .filter_map(|line| line.trim().split_once(' '))
        .filter_map(|(call, result)| Some((call, result.trim().parse().ok()?)))
        .collect();
    let (_, header) = *calls.iter().find(|(call, _)| *call == "vmsplice")?;
    let splices: Vec<_> =
        calls.iter().filter(|(call, _)| *call == "splice").map(|(_, bytes)| *bytes).collect();
    let (whole, into) = splices.split_last()?;
    let data = into.iter().sum();
    (header + data == *whole).then_some(Message { header, data })
}

fn figure(Message { header, data }: Message, caption: &str) -> String {
    let mut html = format!(
        "<figure class=\"slots\">\n<div class=\"from\">drawn from what was {caption}</div>\n\
         <ol>\n<li class=\"header\">{header}</li>\n"
    );
    let mut left = data;
    while left > 0 {
        let bytes = left.min(PAGE);
        left -= bytes;
        let part = match bytes {
            PAGE => String::new(),
            _ => format!(" class=\"part\" style=\"--part: {}%\"", bytes * 100 / PAGE),
        };
        let _ = writeln!(html, "<li{part}>{bytes}</li>");
    }
    let pages = data.div_ceil(PAGE);
    let last = if data.is_multiple_of(PAGE) { "" } else { ", the last in part" };
    let _ = write!(
        html,
        "</ol>\n<figcaption>A reply in the pipe, front first: {} slots, with the bytes that each refers to. \
         The first is the header, in memory of the server; behind it are {pages} pages of the source’s cache{last}. \
         Together {} bytes, and that is the length which the header must say.</figcaption>\n\
         </figure>\n",
        1 + pages,
        header + data,
    );
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: &str = "a, copy:\n  read 80\n  write 16\na, patch:\n  read       80\n  vmsplice   16\n  \
        splice     8000\n  splice     0\n  splice     8016\nb, patch:\n  vmsplice   16\n  splice 1\n";

    fn of(label: &str) -> Option<Message> {
        message(&CALLS.lines().map(str::to_owned).collect::<Vec<_>>(), label)
    }

    #[test]
    fn the_calls_tell_what_is_in_the_pipe() {
        assert_eq!(of("a, patch"), Some(Message { header: 16, data: 8000 }));
        // It has no pipe; its whole is not the sum of its parts; it is not there.
        assert_eq!([of("a, copy"), of("b, patch"), of("c, patch")], [None; 3]);
    }

    #[test]
    fn each_page_has_a_slot() {
        let html = figure(Message { header: 16, data: 8000 }, "recorded: x");
        assert!(
            html.contains(
                "<li class=\"header\">16</li>\n<li>4096</li>\n<li class=\"part\" style=\"--part: 95%\">3904</li>\n</ol>"
            ),
            "{html}"
        );
        assert!(html.contains("3 slots") && html.contains("Together 8016 bytes"), "{html}");
    }

    #[test]
    fn the_slots_are_as_many_as_the_server_counts() {
        let root = crate::steps::workspace_root();
        let html = slots(&root, "step11__calls 128 KiB of a file, patch").unwrap();
        assert_eq!(html.matches("<li").count(), 33);
    }
}
