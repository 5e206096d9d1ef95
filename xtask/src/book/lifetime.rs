//! `{{#lifetime NAME node N}}`: how long a node lives, drawn from a recorded conversation.
//!
//! A row for each message that concerns the node, and a column for each of what keeps it: its names,
//! who has it open, the references of the kernel.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use crate::book::fault::Problem;
use crate::book::output;

/// The figure, as HTML.
pub fn lifetime(root: &Path, argument: &str) -> Result<String, Problem> {
    let wrong = || {
        let what = format!("{argument:?} names no node of a recorded conversation");
        Problem::new(what, "Write {{#lifetime NAME node N}}")
    };
    let (name, node) = argument.split_once(" node ").ok_or_else(wrong)?;
    let node = node.trim().parse().map_err(|_| wrong())?;
    let recorded = output::output(root, name.trim())?;
    let rows = rows(&recorded.lines, node);
    if rows.is_empty() {
        return Err(Problem::new(
            format!("nothing is asked about node {node} in {name}"),
            "Look at what is recorded there, and take a node that is in it.",
        ));
    }
    Ok(table(&rows, node, &recorded.caption))
}

/// What keeps a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    names: u64,
    open: u64,
    references: u64,
}

/// A message, and how things stand after it.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    message: String,
    counts: Counts,
}

fn rows(trace: &[String], node: u64) -> Vec<Row> {
    let mut asked = HashMap::new();
    // (directory, name) → node, as far as the conversation tells.
    let mut names: HashMap<(u64, String), u64> = HashMap::new();
    let mut counts = Counts::default();
    let mut rows = Vec::new();
    for line in trace {
        let Some((number, message)) =
            line.get(3..).and_then(|rest| rest.trim_start().split_once(' '))
        else {
            continue;
        };
        if line.starts_with('→') {
            asked.insert(number.to_owned(), message.to_owned());
            // The one message that changes something and has no answer.
            if message.starts_with("FORGET(") && number_after(message, "node ") == Some(node) {
                let given_back = number_after(message, "nlookup=").unwrap_or(0);
                counts.references = counts.references.saturating_sub(given_back);
                rows.push(Row { message: short(message), counts });
            }
            continue;
        }
        let Some(request) = asked.get(number).filter(|_| line.starts_with('←')) else { continue };
        let Some((_, reply)) =
            message.split_once(" = ").filter(|(_, reply)| !reply.starts_with('-'))
        else {
            continue;
        };
        let opcode = request.split(['(', ' ']).next().unwrap_or_default();
        let about = number_after(request, "node ");
        let quoted = quoted(request);
        let mut concerned = about == Some(node);
        match opcode {
            "LOOKUP" | "CREATE" | "MKNOD" | "MKDIR" | "SYMLINK" | "LINK" => {
                let told = number_after(reply, "{node ");
                concerned = told == Some(node);
                if let (Some(told), Some(directory), Some(name)) = (told, about, quoted.first()) {
                    names.insert((directory, name.clone()), told);
                }
                if concerned {
                    counts.references += 1;
                    counts.names = number_after(reply, "nlink ").unwrap_or(counts.names);
                    counts.open += u64::from(opcode == "CREATE");
                }
            }
            "UNLINK" | "RMDIR" => {
                let gone = about.zip(quoted.first().cloned()).and_then(|name| names.remove(&name));
                concerned = gone == Some(node);
                counts.names -= u64::from(concerned && counts.names > 0);
            }
            "RENAME" => {
                let to = request.rsplit_once("to node ").map_or("", |(_, to)| to);
                let to = number_after(to, "").zip(quoted.get(1).cloned());
                let from = about.zip(quoted.first().cloned());
                let moved = from.and_then(|from| names.remove(&from));
                let replaced = to.zip(moved).and_then(|(to, moved)| names.insert(to, moved));
                concerned = moved == Some(node) || replaced == Some(node);
                counts.names -= u64::from(replaced == Some(node) && counts.names > 0);
            }
            "OPEN" | "OPENDIR" if concerned => counts.open += 1,
            "RELEASE" | "RELEASEDIR" if concerned => counts.open = counts.open.saturating_sub(1),
            "READ" | "WRITE" => {}
            _ => continue,
        }
        if concerned {
            let mut message = short(request);
            // A handle is born in an answer.
            if let Some(fh) = number_after(reply, "{fh=").filter(|fh| *fh > 0) {
                message += &format!(" → fh={fh}");
            }
            rows.push(Row { message, counts });
        }
    }
    rows
}

/// The number that stands behind `mark`.
fn number_after(text: &str, mark: &str) -> Option<u64> {
    let rest = &text[text.find(mark)? + mark.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// What stands in quotation marks. The names of the recorded visits have none in them.
fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// `UNLINK "name"`, `FORGET nlookup=2`, `READ`.
fn short(request: &str) -> String {
    let opcode = request.split(['(', ' ']).next().unwrap_or_default();
    let data = matches!(opcode, "READ" | "WRITE");
    let names = if data { vec![] } else { quoted(request) };
    let mut text = opcode.to_owned();
    names.iter().for_each(|name| text += &format!(" \"{name}\""));
    if let Some(fh) = number_after(request, "fh=").filter(|fh| *fh > 0) {
        text += &format!(" fh={fh}");
    }
    if let Some(nlookup) = number_after(request, "nlookup=") {
        text += &format!(" nlookup={nlookup}");
    }
    text
}

fn table(rows: &[Row], node: u64, caption: &str) -> String {
    let mut html = format!(
        "<div class=\"from\">drawn from what was {caption}</div>\n\
         <div class=\"table-wrapper\"><table class=\"lifetime\">\n\
         <caption>The life of node {node}, message by message</caption>\n\
         <thead><tr><th>answered</th><th>names</th><th>open</th><th>lookup count</th></tr></thead>\n\
         <tbody>\n"
    );
    for Row { message, counts } in rows {
        let message = message.replace('&', "&amp;").replace('<', "&lt;");
        let _ = write!(html, "<tr><th scope=\"row\"><code>{message}</code></th>");
        for count in [counts.names, counts.open, counts.references] {
            let class = if count > 0 { " class=\"on\"" } else { "" };
            let _ = write!(html, "<td{class}>{count}</td>");
        }
        html += "</tr>\n";
    }
    html + "</tbody></table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(trace: &str, node: u64) -> Vec<(String, [u64; 3])> {
        let lines: Vec<_> = trace.lines().map(str::to_owned).collect();
        let row =
            |row: Row| (row.message, [row.counts.names, row.counts.open, row.counts.references]);
        rows(&lines, node).into_iter().map(row).collect()
    }

    #[test]
    fn names_openings_and_references_are_counted() {
        let trace = r#"$ hold a
→ #3 CREATE(node 1, "a", O_RDWR)
← #3 CREATE = {node 2, attr {ino 2, nlink 1, …}} {fh=7}
→ #4 LINK(node 1, "b", of node 2)
← #4 LINK = {node 2, attr {ino 2, nlink 2, …}}
→ #5 LOOKUP(node 1, "c")
← #5 LOOKUP = -ENOENT (No such file or directory)
→ #6 UNLINK(node 1, "a")
← #6 UNLINK = ok
→ #7 RELEASE(node 2, fh=7)
← #7 RELEASE = ok
→ #8 RENAME(node 1, "c", to node 1, "b")
← #8 RENAME = -ENOENT (No such file or directory)
→ #9 UNLINK(node 1, "b")
← #9 UNLINK = ok
→ #10 FORGET(node 2, nlookup=2)
"#;
        let expected = [
            ("CREATE \"a\" → fh=7", [1, 1, 1]),
            ("LINK \"b\"", [2, 1, 2]),
            ("UNLINK \"a\"", [1, 1, 2]),
            ("RELEASE fh=7", [1, 0, 2]),
            ("UNLINK \"b\"", [0, 0, 2]),
            ("FORGET nlookup=2", [0, 0, 0]),
        ];
        assert_eq!(counts(trace, 2), expected.map(|(message, counts)| (message.into(), counts)));
        assert_eq!(counts(trace, 3), []);
    }

    #[test]
    fn a_name_that_is_replaced_is_gone() {
        let trace = r#"→ #1 LOOKUP(node 1, "a")
← #1 LOOKUP = {node 2, attr {nlink 1, …}}
→ #2 LOOKUP(node 1, "b")
← #2 LOOKUP = {node 3, attr {nlink 1, …}}
→ #3 RENAME(node 1, "a", to node 1, "b")
← #3 RENAME = ok
→ #4 UNLINK(node 1, "b")
← #4 UNLINK = ok
"#;
        assert_eq!(counts(trace, 3)[1].1, [0, 0, 1]);
        let moved: Vec<_> = counts(trace, 2).into_iter().map(|(_, counts)| counts).collect();
        assert_eq!(moved, [[1, 0, 1], [1, 0, 1], [0, 0, 1]]);
    }
}
