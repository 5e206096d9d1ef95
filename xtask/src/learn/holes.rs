//! The marks around an exercise's body, and the hole that it becomes.
//!
//! ```text
//! fn send(self) {
//!     // EXERCISE: 05.2
//!     …
//!     // EXERCISE_END: 05.2
//! }
//! ```
//!
//! They stand in the reference and stay in the learner's copy: between them is what the learner writes.

use std::fmt::{self, Display, Formatter};

use vm_init::HOLE;

/// What a comment begins with that is a mark.
pub const MARK: &str = "EXERCISE";

/// An exercise's body in the text of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// All up to the line of the first mark, with it.
    before: &'a str,
    /// The lines between the marks.
    pub body: &'a str,
    /// All from the line of the last mark on.
    after: &'a str,
}

/// The marks of an exercise are not as they must be in this file.
#[derive(Debug)]
pub struct NotMarked {
    id: String,
    file: String,
}

impl Display for NotMarked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let NotMarked { id, file } = self;
        write!(
            f,
            "mine/{file} has lost the marks of exercise {id}. Around its body there must be two lines, each once:\n    \
             // {MARK}: {id}\n    // {MARK}_END: {id}\n\
             (Has the repository changed since mine/ was made? Then move mine/ aside, and start anew.)"
        )
    }
}

impl std::error::Error for NotMarked {}

/// Where the body of the exercise `id` is in the text of `file`.
///
/// # Errors
///
/// [`NotMarked`]: one of its marks is not there, or twice, or they are in the wrong order.
pub fn place<'a>(text: &'a str, id: &str, file: &str) -> Result<Place<'a>, NotMarked> {
    let from = only_line(text, &format!("// {MARK}: {id}")).map(|(_, behind)| behind);
    let to = only_line(text, &format!("// {MARK}_END: {id}")).map(|(start, _)| start);
    match from.zip(to) {
        Some((from, to)) if from <= to => {
            Ok(Place { before: &text[..from], body: &text[from..to], after: &text[to..] })
        }
        _ => Err(NotMarked { id: id.into(), file: file.into() }),
    }
}

/// Where the one line is that says `wanted` and no more: its first byte, and the one behind it.
fn only_line(text: &str, wanted: &str) -> Option<(usize, usize)> {
    let mut at = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.trim() == wanted {
            found.push((at, at + line.len()));
        }
        at += line.len();
    }
    <[_; 1]>::try_from(found).ok().map(|[line]| line)
}

impl Place<'_> {
    /// The text with another body.
    pub fn filled(&self, body: &str) -> String {
        format!("{}{body}{}", self.before, self.after)
    }

    /// The text with a hole in the place of the body.
    pub fn punched(&self, id: &str, title: &str) -> String {
        let indent = self.after.len() - self.after.trim_start_matches(' ').len();
        self.filled(&format!("{:indent$}todo!(\"exercise {id}: {title}\")\n", ""))
    }

    /// Has nobody written it yet?
    pub fn is_open(&self, id: &str) -> bool {
        self.body.trim_start().starts_with(&format!("todo!(\"exercise {id}: "))
    }

    /// In which line the body begins, counted from 1.
    pub fn line(&self) -> usize {
        self.before.lines().count() + 1
    }
}

/// The exercise whose hole a test ran into, by what it printed.
pub fn reached(output: &str) -> Option<&str> {
    let (_, rest) = output.split_once(HOLE)?;
    rest.split(':').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "fn a() -> u32 {\n    // EXERCISE: 05.1\n    let one = 1;\n    one\n    // EXERCISE_END: 05.1\n}\n\
                          fn b() {\n    // EXERCISE: 05.2\n    // EXERCISE_END: 05.2\n}\n";

    #[test]
    fn a_body_is_what_stands_between_the_marks() {
        let first = place(SOURCE, "05.1", "a.rs").unwrap();
        assert_eq!(first.body, "    let one = 1;\n    one\n");
        assert_eq!((first.line(), first.is_open("05.1")), (3, false));
        assert_eq!(place(SOURCE, "05.2", "a.rs").unwrap().body, "");
    }

    #[test]
    fn a_hole_is_punched_and_filled_again() {
        let body = place(SOURCE, "05.1", "a.rs").unwrap().body;
        let punched = place(SOURCE, "05.1", "a.rs").unwrap().punched("05.1", "say one");
        assert!(
            punched.contains("\n    todo!(\"exercise 05.1: say one\")\n    // EXERCISE_END"),
            "{punched}"
        );
        let hole = place(&punched, "05.1", "a.rs").unwrap();
        assert!(hole.is_open("05.1") && !hole.is_open("05.2"));
        assert_eq!(hole.filled(body), SOURCE);
    }

    #[test]
    fn a_hole_that_is_reached_says_so() {
        let output =
            "thread 'main' panicked at a.rs:3:5:\nnot yet implemented: exercise 05.1: say one\n";
        assert_eq!(reached(output), Some("05.1"));
        assert_eq!(reached("assertion failed"), None);
    }

    #[test]
    fn a_mark_that_is_not_there_once_is_an_error() {
        let twice = SOURCE.replace("05.2", "05.1");
        let turned = SOURCE
            .replace("E: 05.1", "?")
            .replace("E_END: 05.1", "E: 05.1")
            .replace('?', "E_END: 05.1");
        for text in ["", &twice, &turned, &SOURCE.replace("_END", "")] {
            let error = place(text, "05.1", "a.rs").unwrap_err().to_string();
            assert!(error.contains("// EXERCISE_END: 05.1"), "{error}");
        }
    }
}
