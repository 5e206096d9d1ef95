//! What is wrong with a chapter, where, and what to do about it.

use std::fmt;

/// A fault of one chapter. Any stops the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The chapter, from the workspace's root: `book/src/device.md`.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong, before anybody says where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    what: String,
    advice: String,
}

impl Problem {
    /// `what` is wrong, and what the author is to do.
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Problem {
        Problem { what: what.into(), advice: advice.into() }
    }

    /// The same, as the fault of this directive or link.
    pub fn of(self, source: &str) -> Problem {
        Problem { what: format!("{source}: {}", self.what), ..self }
    }

    /// The same, at this place.
    pub fn at(self, file: &str, line: usize) -> Fault {
        Fault { file: file.into(), line, problem: self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { file, line, problem: Problem { what, advice } } = self;
        write!(f, "{file}:{line}: {what}\n    {advice}")
    }
}

/// What the author may have meant: the three of `known` that are nearest to `wanted`.
pub fn nearest(wanted: &str, known: impl IntoIterator<Item = String>) -> String {
    let mut known: Vec<_> = known.into_iter().collect();
    known.sort_by_cached_key(|name| (distance(wanted, name), name.clone()));
    known.dedup();
    known.truncate(3);
    if known.is_empty() {
        "There is none yet".into()
    } else {
        format!("Nearest: {}", known.join(", "))
    }
}

/// How many characters to insert, remove or replace on the way from `a` to `b` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // The distances of what was seen of `a` to each beginning of `b`.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, of_a) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, of_b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(of_a != *of_b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where_what_and_what_to_do() {
        let fault = Problem::new("no such file", "Nearest: b.rs").of("{{#code a.rs:x}}");
        assert_eq!(
            fault.at("book/src/a.md", 7).to_string(),
            "book/src/a.md:7: {{#code a.rs:x}}: no such file\n    Nearest: b.rs"
        );
    }

    #[test]
    fn the_nearest_names_come_first() {
        let known = ["mount", "open", "device", "answer"].map(String::from);
        assert_eq!(nearest("moumt", known), "Nearest: mount, open, answer");
        assert_eq!(nearest("x", []), "There is none yet");
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
