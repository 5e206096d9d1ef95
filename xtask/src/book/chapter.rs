//! A chapter as its author wrote it, made into what mdBook renders: directives resolved, rules checked.

use std::path::Path;

use crate::book::about;
use crate::book::code::{self, Excerpt};
use crate::book::conversation::conversation;
use crate::book::exercises::exercises;
use crate::book::fault::{Fault, Problem, nearest};
use crate::book::fence::{Piece, pieces};
use crate::book::flows::flow;
use crate::book::kernel::Functions;
use crate::book::ladder::ladder;
use crate::book::lifetime::lifetime;
use crate::book::message::message;
use crate::book::messages::messages;
use crate::book::output::{self, Output};
use crate::book::request::request;
use crate::book::simulator::simulator;
use crate::book::slots::slots;
use crate::book::staircase::staircase;
use crate::book::structs::structs;
use crate::book::time;

/// Makes a block of a directive's argument: markdown, or HTML without an empty line.
type Block = fn(&Sources, &str) -> Result<String, Problem>;

/// The directives that stand alone on a line and become blocks.
const BLOCKS: &[(&str, Block)] = &[
    ("code", |sources, argument| {
        code::excerpt(sources.root, argument)
            .map(|Excerpt { lines, language, caption }| fenced(language, &lines, &caption))
    }),
    ("output", |sources, argument| {
        output::output(sources.root, argument)
            .map(|Output { lines, caption }| fenced("text", &lines, &caption))
    }),
    ("conversation", |sources, argument| conversation(sources.root, argument)),
    ("lifetime", |sources, argument| lifetime(sources.root, argument)),
    ("message", |sources, argument| message(sources.root, argument)),
    ("messages", |sources, argument| alone(argument).and_then(|()| messages(sources.root))),
    ("structs", |sources, argument| alone(argument).and_then(|()| structs(sources.root))),
    ("goals", |sources, argument| {
        alone(argument).and_then(|()| about::goals(sources.root, sources.page))
    }),
    ("time", |sources, argument| {
        alone(argument).and_then(|()| time::time(sources.root, sources.page))
    }),
    ("exercises", |sources, argument| {
        alone(argument).and_then(|()| exercises(sources.root, sources.page))
    }),
    ("flow", |_, argument| flow(argument)),
    ("ladder", |sources, argument| alone(argument).and_then(|()| ladder(sources.root))),
    ("request", |sources, argument| alone(argument).and_then(|()| request(sources.functions))),
    ("pipe-simulator", |sources, argument| simulator(sources.root, argument)),
    ("slots", |sources, argument| slots(sources.root, argument)),
    ("staircase", |sources, argument| alone(argument).and_then(|()| staircase(sources.root))),
];

/// The one directive that stands inside a line.
const KERNEL: &str = "kernel";

/// What the directives take from.
pub struct Sources<'a> {
    /// The workspace's root.
    pub root: &'a Path,
    /// Where the kernel's functions are.
    pub functions: &'a Functions,
    /// The page, from `book/src`: `01-device.md`.
    pub page: &'a str,
}

/// Resolves the directives of a chapter. `file` is for the faults, which are added to `faults`.
pub fn resolve(sources: &Sources, file: &str, text: &str, faults: &mut Vec<Fault>) -> String {
    let mut page = String::new();
    let mut mentioned = Vec::new();
    let mut list = false;
    let mut blank = true;
    if text.lines().all(|line| line.trim().is_empty() || line.starts_with('#')) {
        faults.push(
            Problem::new("the chapter is empty", "Write it, or take it out of SUMMARY.md")
                .at(file, 1),
        );
    }
    for piece in pieces(text) {
        match piece {
            Piece::Fence(fence) => {
                faults.extend(fence.check().err().map(|problem| problem.at(file, fence.line)));
                fence.raw.iter().for_each(|line| push_line(&mut page, line));
                blank = false;
            }
            Piece::Line(number, line) => {
                list = is_item(line) || (list && (line.starts_with(' ') || line.is_empty()));
                let block = line.starts_with("    ") && blank && !list;
                let resolved = match block || line.contains("<pre") {
                    true => Err(Problem::new(
                        "a block that is neither fenced nor from a directive",
                        "Use {{#code …}} or {{#output …}}, or a fence that says by-hand.",
                    )),
                    false => resolve_line(sources, line, &mut mentioned),
                };
                match resolved {
                    Ok(resolved) => push_line(&mut page, &resolved),
                    Err(problem) => faults.push(problem.at(file, number)),
                }
                blank = line.trim().is_empty();
            }
        }
    }
    page
}

fn push_line(page: &mut String, line: &str) {
    page.push_str(line);
    page.push('\n');
}

/// `- item`, `* item` or `1. item`: what is indented below it belongs to it.
fn is_item(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '>']);
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    ["- ", "* ", "+ "].iter().any(|mark| line.starts_with(mark))
        || (number.len() < line.len() && number.starts_with(". "))
}

fn resolve_line(
    sources: &Sources,
    line: &str,
    mentioned: &mut Vec<String>,
) -> Result<String, Problem> {
    let mut resolved = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{#") {
        let Some((inside, after)) = after.split_once("}}") else {
            return Err(Problem::new(
                "a directive that does not end on its line",
                "Close it with }}",
            ));
        };
        let directive = format!("{{{{#{inside}}}}}");
        let (name, argument) = inside.split_once(' ').unwrap_or((inside, ""));
        let argument = argument.trim();
        resolved.push_str(before);
        let block = BLOCKS.iter().find(|(block, _)| *block == name);
        let result = match block {
            Some(_) if line.trim_matches([' ', '>']) != directive => Err(Problem::new(
                "it becomes a block, and there is other text on its line",
                "Write it alone on a line.",
            )),
            // What stands before it, as indentation or `>`, stands before each line of the block.
            Some((_, block)) => {
                block(sources, argument).map(|text| text.replace('\n', &format!("\n{before}")))
            }
            None if name == KERNEL => {
                let first = !mentioned.iter().any(|name| name == argument);
                mentioned.push(argument.into());
                sources.functions.mention(argument, first)
            }
            None => {
                let directives = BLOCKS.iter().map(|(name, _)| (*name).to_owned());
                Err(Problem::new(
                    "no such directive",
                    nearest(name, directives.chain([KERNEL.into()])),
                ))
            }
        };
        resolved.push_str(&result.map_err(|problem| problem.of(&directive))?);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// Nothing is to be said to this directive.
fn alone(argument: &str) -> Result<(), Problem> {
    match argument {
        "" => Ok(()),
        _ => Err(Problem::new("it takes no argument", "Write its name alone.")),
    }
}

/// A fenced block with its caption.
fn fenced(language: &str, lines: &[String], caption: &str) -> String {
    let longest =
        lines.iter().map(|line| line.len() - line.trim_start().trim_start_matches('`').len());
    let fence = "`".repeat(longest.max().unwrap_or(0).max(2) + 1);
    let caption = format!("<div class=\"from\">{caption}</div>\n\n{fence}{language}");
    let all = [caption.as_str()].into_iter().chain(lines.iter().map(String::as_str));
    all.chain([fence.as_str()]).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::book::kernel;

    fn resolved(text: &str) -> (String, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.rs"), "// ANCHOR: x\nfn x() {}\n// ANCHOR_END: x\n").unwrap();
        fs::write(dir.path().join("a.snap"), "---\nsource: a.rs\n---\n```\n│ ok\n").unwrap();
        let functions = kernel::tests::fixture();
        let sources = Sources { root: dir.path(), functions: &functions, page: "a.md" };
        let mut faults = Vec::new();
        let page = resolve(&sources, "book/src/a.md", text, &mut faults);
        (page, faults.iter().map(Fault::to_string).collect())
    }

    fn page(text: &str) -> String {
        let (page, faults) = resolved(text);
        assert_eq!(faults, [""; 0]);
        page
    }

    fn fault(text: &str) -> String {
        let (_, faults) = resolved(text);
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults[0].clone()
    }

    #[test]
    fn a_page_without_directives_stays_as_it_is() {
        let text = "# Title\n\n1. item\n\n    part of it\n\n```console\n$ ls\n```\n";
        assert_eq!(page(text), text);
    }

    #[test]
    fn code_becomes_a_block_with_its_origin() {
        let expected = "see\n\n<div class=\"from\">a.rs, line 2</div>\n\n```rust\nfn x() {}\n```\n";
        assert_eq!(page("see\n\n{{#code a.rs:x}}\n"), expected);
    }

    #[test]
    fn a_block_in_a_quotation_stays_in_it() {
        let expected =
            "> <div class=\"from\">a.rs, line 2</div>\n> \n> ```rust\n> fn x() {}\n> ```\n";
        assert_eq!(page("> {{#code a.rs:x}}\n"), expected);
    }

    #[test]
    fn output_that_holds_a_fence_gets_a_longer_one() {
        assert!(page("{{#output a.snap}}\n").ends_with("\n````text\n```\n│ ok\n````\n"));
    }

    #[test]
    fn the_second_mention_of_a_function_is_short() {
        let page = page("{{#kernel fuse_dev_do_write}}, then {{#kernel fuse_dev_do_write}}.\n");
        assert_eq!(
            page,
            "<code>fuse_dev_do_write</code> (fs/fuse/dev.c, v6.12), then <code>fuse_dev_do_write</code>.\n"
        );
    }

    #[test]
    fn every_fault_names_its_line_and_directive() {
        for (text, expected) in [
            ("a\n{{#code b.rs:x}}\n", "book/src/a.md:2: {{#code b.rs:x}}: cannot read b.rs"),
            ("a\n{{#output b.snap}}\n", "book/src/a.md:2: {{#output b.snap}}: cannot read b.snap"),
            ("a\n{{#kernel f}}\n", "book/src/a.md:2: {{#kernel f}}: f is not in"),
            ("see {{#code a.rs:x}}\n", "alone on a line"),
            ("- {{#output a.snap}}\n", "alone on a line"),
            ("{{#include a.rs}}\n", "no such directive"),
            ("{{#cod a.rs:x}}\n", "Nearest: code"),
            ("{{#time 5}}\n", "it takes no argument"),
            ("{{#code a.rs:x\n", "does not end"),
            ("a\n\n```rust\nfn f() {}\n```\n", "book/src/a.md:3: Rust code typed by hand"),
            ("a\n\n    typed\n", "neither fenced nor"),
            ("a\n\n<pre>typed</pre>\n", "neither fenced nor"),
            ("", "the chapter is empty"),
            ("# Title\n\n## More\n", "the chapter is empty"),
        ] {
            let fault = fault(text);
            assert!(fault.contains(expected), "{text:?}: {fault}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        assert_eq!(resolved("{{#kernel f}}\n{{#kernel g}}\n").1.len(), 2);
    }
}
