//! The prose of a chapter, word by word: what is outside of fences, headings, links, figures and answers
//! that are folded away.

use std::ops::Range;

use crate::book::fence::{Piece, pieces};

/// A word of prose, or inline code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// `unique`; with its backticks when it is code.
    pub text: &'a str,
    /// Where it stands in the chapter.
    pub at: Range<usize>,
    /// Is there only white space between the token before and this one?
    pub follows: bool,
}

/// What is inside of these is no prose.
const SKIPPED: [&str; 8] = ["a", "code", "details", "figure", "nav", "pre", "summary", "svg"];

/// The prose of a chapter as its author wrote it.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut scanner = Scanner { text, at: 0, skipped: 0, follows: false, tokens: Vec::new() };
    for piece in pieces(text) {
        let raw = match &piece {
            Piece::Fence(fence) => fence.raw.last().copied().unwrap_or_default(),
            Piece::Line(_, line) => line,
        };
        // Both are slices of the text.
        let start = raw.as_ptr() as usize - text.as_ptr() as usize;
        match piece {
            Piece::Line(_, line) if !line.starts_with('#') => {
                scanner.line(start, start + raw.len())
            }
            _ => (scanner.at, scanner.follows) = (start + raw.len(), false),
        }
    }
    scanner.tokens
}

struct Scanner<'a> {
    text: &'a str,
    /// How far it has come: a link may have led it into the next line.
    at: usize,
    /// How many elements it is in that are no prose.
    skipped: usize,
    follows: bool,
    tokens: Vec<Token<'a>>,
}

impl<'a> Scanner<'a> {
    fn line(&mut self, start: usize, end: usize) {
        self.at = self.at.max(start);
        // A paragraph ends here.
        if self.text[start..end].trim_matches([' ', '>']).is_empty() {
            self.follows = false;
        }
        while self.at < end {
            let rest = &self.text[self.at..];
            let (length, word) = next(rest);
            if let Some(tag) = rest[..length].strip_prefix('<').filter(|_| length > 1) {
                self.tag(tag);
            }
            let blank = rest[..length].trim().is_empty();
            if word && self.skipped == 0 {
                let at = self.at..self.at + length;
                self.tokens.push(Token { text: &rest[..length], at, follows: self.follows });
            }
            self.follows = word || (blank && self.follows);
            self.at += length;
        }
    }

    fn tag(&mut self, tag: &str) {
        let (name, step) = match tag.strip_prefix('/') {
            Some(name) => (name, -1),
            None => (tag, 1),
        };
        let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        if SKIPPED.contains(&name) {
            self.skipped = self.skipped.saturating_add_signed(step);
        }
    }
}

/// How long the next piece of `rest` is, and whether it is a token.
fn next(rest: &str) -> (usize, bool) {
    let until = |end: &str| rest.find(end).map(|at| at + end.len());
    let paragraph = rest.find("\n\n").unwrap_or(rest.len());
    if rest.starts_with("{{#") {
        return (until("}}").unwrap_or(rest.len()), false);
    }
    if rest.starts_with("<!--") {
        return (until("-->").unwrap_or(rest.len()), false);
    }
    // `a < b` is no tag.
    if rest.starts_with('<') && rest[1..].starts_with(|c: char| c == '/' || c.is_ascii_alphabetic())
    {
        return (until(">").filter(|end| *end <= paragraph).unwrap_or(1), false);
    }
    if rest.starts_with('`') {
        let marks = rest.len() - rest.trim_start_matches('`').len();
        let end = rest[marks..].find(&rest[..marks]).map(|at| at + 2 * marks);
        return end.filter(|end| *end <= paragraph).map_or((marks, false), |end| (end, true));
    }
    if rest.starts_with('[') {
        return (link(&rest[..paragraph]).unwrap_or(1), false);
    }
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
    if length == 0 {
        return (rest.chars().next().map_or(1, char::len_utf8), false);
    }
    let after = &rest[length..];
    // An address goes on to the next space. `splice(2)` is a page of the manual.
    if after.starts_with("://") {
        return (rest.find(char::is_whitespace).unwrap_or(rest.len()), false);
    }
    let manual = after.strip_prefix('(').is_some_and(|inside| {
        inside.starts_with(|c: char| c.is_ascii_digit()) && inside[1..].starts_with(')')
    });
    if manual { (length + "(2)".len(), false) } else { (length, true) }
}

/// How long the link is that begins here: `[text](target)`, `[!TIP]`.
fn link(rest: &str) -> Option<usize> {
    let text = rest.find(']')? + 1;
    if rest[text..].starts_with('(') {
        return Some(text + rest[text..].find(')')? + 1);
    }
    rest.starts_with("[!").then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn prose_is_words_and_inline_code() {
        assert_eq!(
            words("A *node id*, `unique`\nand **more**.\n"),
            ["A", "node", "id", "`unique`", "and", "more"]
        );
        let text = "> ## no\n> a\u{2019}s 7.14 – yes\n";
        assert_eq!(words(text)[1..], ["a", "s", "7", "14", "yes"]);
        assert!(tokens(text).iter().all(|token| &text[token.at.clone()] == token.text));
    }

    #[test]
    fn what_is_no_prose_is_left_out() {
        for text in [
            "# a heading\n",
            "```c by-hand\ncode\n```\n",
            "[a\nlink](to.md)\n",
            "> [!TIP]\n",
            "<details><summary><b>Predict.</b> why\nnot?</summary>\n\nBecause.\n\n</details>\n",
            "<figure class=\"flow\">\n<svg><text>page</text></svg>\n</figure>\n",
            "{{#kernel fuse_iget}} {{#output a from \"b\" to \"c\"}}\n",
            "<!-- once: a\nreason -->\n",
            "splice(2)\n",
            "https://kernel.org/pipe\n",
            "<a href=\"x\">pipe</a>\n",
        ] {
            assert_eq!(words(text), [""; 0], "{text:?}");
        }
        assert_eq!(
            words("<details>x\n```text\ny\n```\n</details>\n\nafter a < b\n"),
            ["after", "a", "b"]
        );
        assert_eq!(words("[lone] `open\n"), ["lone", "open"]);
    }

    #[test]
    fn words_follow_each_other_within_a_paragraph() {
        let follows = |text| tokens(text).iter().map(|token| token.follows).collect::<Vec<_>>();
        assert_eq!(follows("page\ncache"), [false, true]);
        assert_eq!(follows("page\n\ncache"), [false, false]);
        assert_eq!(follows("page, cache"), [false, false]);
        assert_eq!(follows("*page* cache"), [false, false]);
        assert_eq!(follows("page\n```c by-hand\n```\ncache"), [false, false]);
    }
}
