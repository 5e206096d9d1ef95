//! `{{#time}}`: how long a chapter takes. To read it: counted. To work through it: as its author says.

use std::path::Path;
use std::{fs, iter};

use crate::book::fault::Problem;
use crate::book::fence::{Piece, pieces};
use crate::book::{about, code, conversation, output};

/// Words of prose in a minute.
const WORDS: usize = 200;
/// Lines of code and of output in a minute: one looks at them longer than at prose.
const LINES: usize = 20;

/// The line below the goals.
pub fn time(root: &Path, page: &str) -> Result<String, Problem> {
    let Times { reading, working } = times(root, page)?;
    Ok(format!(
        "<p class=\"time\"><b>{reading} minutes</b> to read, about <b>{working}</b> with all that there is to try.</p>\n"
    ))
}

/// Minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// To read the chapter.
    pub reading: usize,
    /// To try everything, too.
    pub working: usize,
}

/// How long the chapter on this page takes.
pub fn times(root: &Path, page: &str) -> Result<Times, Problem> {
    let working = about::of_page(root, page)?.minutes;
    let file = format!("book/src/{page}");
    let text = fs::read_to_string(root.join(&file)).map_err(|error| {
        let advice = "Write it, or take it out of SUMMARY.md";
        Problem::new(format!("cannot read {file}: {error}"), advice)
    })?;
    let (words, lines) = count(root, &text);
    let reading = (words * LINES + lines * WORDS).div_ceil(WORDS * LINES);
    if reading > working {
        return Err(Problem::new(
            format!(
                "{page} takes {reading} minutes to read, and {working} with all there is to try"
            ),
            "Set minutes in the step's step.toml.",
        ));
    }
    Ok(Times { reading, working })
}

/// Words of prose, and lines of code and output. What cannot be resolved is not counted: the page tells of it.
fn count(root: &Path, text: &str) -> (usize, usize) {
    let (mut words, mut lines) = (0, 0);
    for piece in pieces(text) {
        match piece {
            Piece::Fence(fence) => lines += fence.body.len(),
            Piece::Line(_, line) => {
                let directive = line.trim_matches([' ', '>']).strip_prefix("{{#");
                let directive = directive.and_then(|rest| rest.strip_suffix("}}"));
                match directive.map(|inside| inside.split_once(' ').unwrap_or((inside, ""))) {
                    Some(("code", what)) => {
                        lines += code::excerpt(root, what).map_or(0, |code| code.lines.len());
                    }
                    Some(("output", what)) => {
                        lines += output::output(root, what).map_or(0, |output| output.lines.len());
                    }
                    // A message is a line, as long as nobody opens it.
                    Some(("conversation", what)) => {
                        let figure = conversation::conversation(root, what).unwrap_or_default();
                        lines += figure.matches("<summary").count();
                    }
                    // Pictures are looked at as long as one likes.
                    Some(_) => {}
                    None => words += words_of(line),
                }
            }
        }
    }
    (words, lines)
}

/// The words of a line, without the tags and the marks in it.
fn words_of(line: &str) -> usize {
    let mut rest = line;
    let prose: String = iter::from_fn(|| {
        let (text, after) = rest.split_once('<').unwrap_or((rest, ""));
        let done = rest.is_empty();
        rest = after.split_once('>').map_or("", |(_, after)| after);
        (!done).then_some(text)
    })
    .collect();
    prose.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::about::tests::fixture;

    #[test]
    fn words_and_lines_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.rs"), "// ANCHOR: x\none\ntwo\n// ANCHOR_END: x\n").unwrap();
        let text = "# Two words\n\n- a <b>tag</b> – is none.\n{{#code a.rs:x}}\n> {{#code a.rs:y}}\n{{#flow read copied}}\n{{#time}}\n\n\
            ```console\n$ ls\n```\n";
        assert_eq!(count(dir.path(), text), (6, 3));
    }

    #[test]
    fn a_message_of_a_conversation_is_a_line() {
        let root = crate::steps::workspace_root();
        let of = |part| count(&root, &format!("{{{{#conversation step04__visit{part}}}}}\n"));
        assert!(of("").1 > 20, "{:?}", of(""));
        assert_eq!(of(" from \"→ #2\" to \"← #2\""), (0, 2));
    }

    #[test]
    fn a_minute_that_is_begun_counts() {
        let dir = fixture();
        let reading = |page| times(dir.path(), page).unwrap().reading;
        assert_eq!(reading("01-device.md"), 1);
        // 2000 words, and the two of the heading.
        assert_eq!(reading("02-wire.md"), 11);
        assert!(
            time(dir.path(), "02-wire.md")
                .unwrap()
                .contains("<b>11 minutes</b> to read, about <b>75")
        );
    }

    #[test]
    fn nobody_works_faster_than_they_read() {
        let dir = fixture();
        fs::write(dir.path().join("book/src/02-more.md"), "word ".repeat(1001)).unwrap();
        let fault = times(dir.path(), "02-more.md").unwrap_err().at("x.md", 1).to_string();
        assert!(fault.contains("6 minutes to read, and 5"), "{fault}");
    }
}
