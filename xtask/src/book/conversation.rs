//! `{{#conversation NAME}}`: a recorded conversation as a sequence diagram of client, kernel and server.
//!
//! Time runs downwards, and each event of the recording is one row. What a client did and printed stands
//! in its lane; a message runs from the kernel to the server or back, and opens to its bytes and fields.
//! It is all text: without JavaScript, and in print, nothing is missing.

mod part;
mod sleep;

use std::path::Path;

use kernel_tests::conversation::{Conversation, Event, Message};

use crate::book::explorer::{self, explorer};
use crate::book::fault::Problem;
use crate::book::html::escaped;
use crate::book::output;
use part::Part;
use sleep::{Asleep, Nap};

/// The kernel whose conversations are recorded.
const KERNEL: &str = "6.12";

/// The figure of `NAME`, `NAME from "text"` or `NAME from "text" to "text"`, as HTML.
pub fn conversation(root: &Path, argument: &str) -> Result<String, Problem> {
    let (name, part) = argument.split_once(' ').unwrap_or((argument, ""));
    let part = Part::parse(part.trim())?;
    let recorded = output::output(root, &format!("{name}_bytes@{KERNEL}"))?;
    let conversation = Conversation::parse(&recorded.lines.join("\n")).map_err(|fault| {
        Problem::new(format!("{name} cannot be read: {fault:#}"), "Record it again.")
    })?;
    let asleep = sleep::asleep(&conversation.events);
    let shown = part.of(name, &conversation.events)?;
    let rows = shown.map(|n| row(&conversation.events[n], &asleep[n])).collect::<String>();
    Ok(figure(&rows, &recorded.caption))
}

fn figure(rows: &str, caption: &str) -> String {
    format!(
        "<div class=\"from\">drawn from what was {caption}</div>\n\
         <figure class=\"conversation\">\n\
         <div class=\"conversation-lanes\" aria-hidden=\"true\"><span>client</span>\
         <span>kernel</span><span></span><span>server</span></div>\n\
         <ol>\n{rows}</ol>\n\
         <figcaption>Time runs downwards. A striped bar: somebody sleeps there, a client in its system \
         call, or the server in <code>read(2)</code>. Open a message to see its bytes. Processes are \
         numbered anew; times and lock owners are masked.</figcaption>\n\
         </figure>\n"
    )
}

/// One event.
fn row(event: &Event, asleep: &Asleep) -> String {
    let (class, number, said) = match event {
        Event::Command(line) => ("is-client is-command", 0, code(&format!("$ {line}"))),
        Event::Printed(line) => ("is-client", 0, code(line)),
        Event::Done(line) => ("is-done", 0, code(&format!("# {line}"))),
        Event::Remark(line) => ("is-remark", 0, code(line)),
        Event::Request(message) => ("is-request", message.number, opens(message)),
        Event::Reply(message) => ("is-reply", message.number, opens(message)),
        Event::Notification(message) => ("is-reply", 0, opens(message)),
    };
    let parity = match number {
        0 => "",
        _ if number % 2 == 0 => " is-even",
        _ => " is-odd",
    };
    let number = match number {
        0 => String::new(),
        _ => format!(" data-number=\"{number}\""),
    };
    let clients: String = asleep.clients.iter().map(|nap| bar(nap.as_ref())).collect();
    format!(
        "<li class=\"{class}{parity}\"{number}>\
         <div class=\"lane of-client\">{clients}</div><div class=\"lane of-kernel\"></div>\
         <div class=\"said\">{said}</div>\
         <div class=\"lane of-server\">{server}</div></li>\n",
        server = bar(asleep.server.as_ref()),
    )
}

/// A bar is told in words where it begins. Further down it is the same bar.
fn bar(nap: Option<&Nap>) -> String {
    match nap {
        None => "<span class=\"awake\"></span>".into(),
        Some(Nap { begins: false, .. }) => "<span class=\"asleep\"></span>".into(),
        Some(Nap { begins: true, until }) => format!(
            "<span class=\"asleep begins\" title=\"{0}\"><span class=\"in-words\">{0}</span></span>",
            escaped(until)
        ),
    }
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// The line of a message, and behind it the message itself.
fn opens(message: &Message) -> String {
    let number = format!("#{}", message.number);
    let line = escaped(&message.line).replacen(
        &format!("{number} "),
        &format!("<b>{number}</b> "),
        usize::from(message.number > 0),
    );
    let elsewhere = match message.elsewhere {
        0 => String::new(),
        more => {
            format!("<p>{more} bytes more went through a pipe, and were never in memory.</p>\n")
        }
    };
    let shown = explorer::Message { bytes: &message.bytes, table: message.table() };
    format!(
        "<details><summary><code>{line}</code></summary>\n{}{elsewhere}</details>",
        explorer(&shown)
    )
}

#[cfg(test)]
mod tests;
