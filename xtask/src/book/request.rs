//! `{{#request}}`: the life of a request. Who is at work at each moment, and in which function of the kernel.

use std::fmt::Write;

use crate::book::fault::Problem;
use crate::book::kernel::Functions;

/// Who is at work. The kernel has no thread of its own for this: it works in a call of one or the other.
#[derive(Clone, Copy)]
enum Who {
    Client,
    KernelForClient,
    KernelForServer,
    Server,
}

/// What happens, in order: who, in which function of the kernel or by which call, and what.
const LIFE: [(Who, &str, &str); 11] = [
    (Who::Client, "read(2)", "of a file of the mount"),
    (Who::KernelForClient, "fuse_get_req", "makes a request, as soon as INIT was answered"),
    (
        Who::KernelForClient,
        "request_wait_answer",
        "the request is in the queue, and the client sleeps",
    ),
    (Who::Server, "read(2)", "of the device: it had slept until something was queued"),
    (
        Who::KernelForServer,
        "fuse_dev_do_read",
        "takes the request from the queue, copies it out, and keeps it among those in flight",
    ),
    (Who::Server, "", "decodes the request, does what it asks, and encodes the reply"),
    (Who::Server, "write(2)", "of the reply, with the unique of the request"),
    (Who::KernelForServer, "fuse_dev_do_write", "finds the request by its unique"),
    (
        Who::KernelForServer,
        "fuse_copy_args",
        "copies what the reply brings to where the client wants it",
    ),
    (Who::KernelForServer, "fuse_request_end", "the request is over: it wakes the client"),
    (Who::Client, "read(2)", "returns"),
];

/// The figure, as HTML.
pub fn request(functions: &Functions) -> Result<String, Problem> {
    let mut html = "<figure class=\"request\">\n<div class=\"lanes\" aria-hidden=\"true\">\
        <b>client</b><b>kernel</b><b>server</b></div>\n<ol>\n"
        .to_owned();
    for (row, (who, call, what)) in LIFE.into_iter().enumerate() {
        let (class, name) = match who {
            Who::Client => ("client", "client"),
            Who::KernelForClient => ("kernel for-client", "kernel, in the client’s call"),
            Who::KernelForServer => ("kernel for-server", "kernel, in the server’s call"),
            Who::Server => ("server", "server"),
        };
        let call = match who {
            Who::KernelForClient | Who::KernelForServer => functions.mention(call, false)?,
            _ if call.is_empty() => String::new(),
            _ => format!("<code>{call}</code>"),
        };
        let _ = writeln!(
            html,
            "<li class=\"{class}\" style=\"grid-row: {}\"><i>{name}</i> {call} {what}</li>",
            row + 1
        );
    }
    html += "</ol>\n<figcaption>The life of a request, from top to bottom. The kernel has no thread of its own \
        here: it works in a call of the client or of the server, as its side tells.</figcaption>\n</figure>\n";
    Ok(html)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::kernel::tests::fixture;

    #[test]
    fn a_function_that_is_not_in_the_table_stops_the_build() {
        let fault = request(&fixture()).unwrap_err().at("x.md", 1).to_string();
        assert!(fault.contains("fuse_get_req is not in book/kernel.toml"), "{fault}");
    }

    #[test]
    fn the_client_that_sleeps_is_woken_and_returns() {
        let functions = Functions::read(&crate::steps::workspace_root()).unwrap();
        let html = request(&functions).unwrap();
        let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text}: {html}"));
        assert!(at("request_wait_answer") < at("fuse_dev_do_read"));
        assert!(at("fuse_dev_do_write") < at("fuse_request_end"));
        assert!(at("fuse_request_end") < at("returns"));
        assert!(!html.contains("\n\n"));
    }
}
