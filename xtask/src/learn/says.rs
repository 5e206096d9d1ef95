//! What is said of wrong code, and recorded beside it: `NAME.says`.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// How much of what is said must be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// All of it.
    Whole,
    /// How the exercises stand, which tests are told of, and what is next. What a kernel asked until a deadline, or
    /// who came first, is another each time.
    Outline,
}

/// Compares what is said with what is recorded, or records it. Returns what is said if that is something else.
pub fn differs(
    file: &Path,
    told: &str,
    compare: Compare,
    accept: bool,
) -> anyhow::Result<Option<String>> {
    let told = without_numbers(told);
    if accept {
        fs::write(file, told).with_context(|| format!("cannot write {}", file.display()))?;
        return Ok(None);
    }
    let before = fs::read_to_string(file).unwrap_or_default();
    let same = match compare {
        Compare::Whole => before == told,
        Compare::Outline => outline(&before) == outline(&told),
    };
    let file = file.display();
    Ok((!same).then(|| format!("{file} has something else than is said now:\n{told}")))
}

fn outline(told: &str) -> Vec<&str> {
    let (standing, failures) = told.split_once("----").unwrap_or((told, ""));
    let is_outline = |line: &&str| line.starts_with("---- ") || line.starts_with("Next: ");
    standing.lines().chain(failures.lines().filter(is_outline)).collect()
}

/// Without what differs from run to run, and from machine to machine: the numbers of threads and processes, what
/// cargo adds to the name of a test program, and where it keeps what it has fetched.
fn without_numbers(told: &str) -> String {
    let told = blank(told, "pid ", "", |c| c.is_ascii_digit());
    // The column behind it is narrower where the number is longer.
    let column = |rest: &str| match rest.strip_prefix("  ") {
        Some(rest) => format!("  {}", rest.trim_start_matches(' ')),
        None => rest.to_owned(),
    };
    let told = told.split("(pid …)").map(column).collect::<Vec<_>>().join("(pid …)");
    let told = blank(&told, "-probe-", "", |c| c.is_ascii_digit());
    let told = blank(&told, "(", ") panicked", |c| c.is_ascii_digit());
    let told = blank(&told, "kernel-", " (", |c| c.is_ascii_hexdigit());
    let words = told.split_inclusive(char::is_whitespace).map(|word| {
        let crates = word.split_once("/registry/src/").and_then(|(_, rest)| rest.split_once('/'));
        crates.map_or(word.to_owned(), |(_, path)| format!("…/{path}"))
    });
    words.collect()
}

/// With `…` in the place of such characters between `before` and `behind`.
fn blank(text: &str, before: &str, behind: &str, such: impl Fn(char) -> bool) -> String {
    let mut parts = text.split(before);
    let mut blanked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(&such);
        let found = &part[..part.len() - rest.len()];
        let is_one = !found.is_empty() && rest.starts_with(behind);
        blanked += before;
        blanked += if is_one { "…" } else { found };
        blanked += rest;
    }
    blanked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_left_out() {
        let told = "thread 'a' (123) panicked at b.rs:1:2:\nkernel-07fa (pid 45): f ← g\n→ [pid 6 uid 0] (pid 7)     read(5, 8) (x)\nat /home/a/.cargo/registry/src/index-1f/insta-1.0/src/a.rs:1:2\n";
        let kept = "thread 'a' (…) panicked at b.rs:1:2:\nkernel-… (pid …): f ← g\n→ [pid … uid 0] (pid …)  read(5, 8) (x)\nat …/insta-1.0/src/a.rs:1:2\n";
        assert_eq!(without_numbers(told), kept);
    }

    #[test]
    fn what_is_said_is_compared_with_what_was_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.says");
        let whole = |told, accept| differs(&file, told, Compare::Whole, accept).unwrap();
        assert!(whole("a (pid 1)\n", false).unwrap().contains("a (pid …)"));
        assert_eq!(whole("a (pid 1)\n", true), None);
        assert_eq!(whole("a (pid 2)\n", false), None);
        assert!(whole("b (pid 2)\n", false).is_some());
    }

    #[test]
    fn of_a_conversation_the_outline_is_compared() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.says");
        let outline = |told, accept| differs(&file, told, Compare::Outline, accept).unwrap();
        assert_eq!(outline("04.1 done\n---- a ----\n→ #5\nNext: b\n", true), None);
        assert_eq!(outline("04.1 done\n---- a ----\n→ #7\nNext: b\n", false), None);
        for other in ["04.1 open\n---- a ----\nNext: b\n", "04.1 done\n---- a ----\nNext: c\n"] {
            assert!(outline(other, false).is_some());
        }
    }
}
