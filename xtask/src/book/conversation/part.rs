//! Which events of a conversation are shown.

use std::ops::RangeInclusive;

use kernel_tests::conversation::Event;

use crate::book::fault::{Problem, nearest};

/// All of it, or from the first event with one text in it to the next one with another.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    from: Option<&'a str>,
    to: Option<&'a str>,
}

impl Part<'_> {
    /// Nothing, `from "text"` or `from "text" to "text"`.
    pub fn parse(text: &str) -> Result<Part<'_>, Problem> {
        let from_to = || {
            let inside = text.strip_prefix("from \"")?.strip_suffix('"')?;
            match inside.split_once("\" to \"") {
                Some((from, to)) => Some(Part { from: Some(from), to: Some(to) }),
                None => Some(Part { from: Some(inside), to: None }),
            }
        };
        match text {
            "" => Ok(Part { from: None, to: None }),
            _ => from_to().filter(|part| !part.has_quotes()).ok_or_else(|| {
                Problem::new(
                    format!("{text:?} names no part of a conversation"),
                    "Write {{#conversation NAME from \"text\" to \"text\"}}, or without `to`",
                )
            }),
        }
    }

    fn has_quotes(&self) -> bool {
        [self.from, self.to].into_iter().flatten().any(|text| text.contains("\" "))
    }

    /// The numbers of the events in it.
    pub fn of(&self, name: &str, events: &[Event]) -> Result<RangeInclusive<usize>, Problem> {
        let find = |start: usize, text: &str| {
            let found = events[start..].iter().position(|event| line(event).contains(text));
            found.map(|at| start + at).ok_or_else(|| {
                let after = match events.get(start) {
                    Some(event) if start > 0 => format!(" from {:?} on", line(event)),
                    _ => String::new(),
                };
                Problem::new(
                    format!("nothing in {name}{after} contains {text:?}"),
                    nearest(text, events[start..].iter().map(line)),
                )
            })
        };
        let first = self.from.map_or(Ok(0), |text| find(0, text))?;
        let last = self.to.map_or(Ok(events.len() - 1), |text| find(first, text))?;
        Ok(first..=last)
    }
}

/// An event as the figure shows it.
pub fn line(event: &Event) -> String {
    match event {
        Event::Command(line) => format!("$ {line}"),
        Event::Done(line) => format!("# {line}"),
        Event::Printed(line) | Event::Remark(line) => line.clone(),
        Event::Request(message) | Event::Reply(message) | Event::Notification(message) => {
            message.line.clone()
        }
    }
}
