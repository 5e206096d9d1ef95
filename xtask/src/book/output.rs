//! `{{#output NAME}}`: what a test recorded when it ran.

use std::fs;
use std::path::Path;

use crate::book::code::nearest_file;
use crate::book::fault::Problem;

/// Where the tests that go through a kernel keep what they record.
const THROUGH_A_KERNEL: &str = "tests/snapshots";

/// A recorded output, or a part of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Output {
    /// Its lines.
    pub lines: Vec<String>,
    /// Where it is from.
    pub caption: String,
}

/// What `NAME`, `NAME 3-9` or `NAME from "text" to "text"` names.
pub fn output(root: &Path, argument: &str) -> Result<Output, Problem> {
    let (name, part) = argument.split_once(' ').unwrap_or((argument, ""));
    // A test of one step's own, or what is said of a mutant, by its path; or one through a kernel, by its name.
    let file = if name.ends_with(".snap") || name.ends_with(".says") {
        name.to_owned()
    } else {
        format!("{THROUGH_A_KERNEL}/kernel__{name}.snap")
    };
    let text = fs::read_to_string(root.join(&file)).map_err(|error| {
        let step = name.split("__").next().unwrap_or_default().trim_start_matches("step");
        let record = match name.ends_with(".snap") {
            true => "INSTA_UPDATE=always cargo test".to_owned(),
            false if name.ends_with(".says") => {
                "cargo xtask learn-selftest --mutants --accept".to_owned()
            }
            false if step == "rig" => "cargo xtask vm-test --self-test --accept".to_owned(),
            false => format!("cargo xtask vm-test {step} --accept"),
        };
        let advice = format!("{}. Record a new one: {record}", nearest_file(root, &file));
        Problem::new(format!("cannot read {file}: {error}"), advice)
    })?;
    let lines: Vec<&str> = recorded(&text).lines().collect();
    let (first, last) = Part::parse(part.trim())?.of(&lines, &file)?;
    let shown = &lines[first - 1..last];
    if shown.iter().all(|line| line.trim().is_empty()) {
        return Err(Problem::new(
            format!("{file} has nothing to show there"),
            "Record it again, or take other lines.",
        ));
    }
    let mut caption = format!("recorded: {file}");
    if let Some((_, kernel)) = name.trim_end_matches(".snap").split_once('@') {
        caption += &format!(", Linux {kernel}");
    }
    if first == last {
        caption += &format!(", line {first}");
    } else if !part.is_empty() {
        caption += &format!(", lines {first}–{last}");
    }
    Ok(Output { lines: shown.iter().map(|line| line.trim_end().to_owned()).collect(), caption })
}

/// A snapshot without the header that insta writes.
pub fn recorded(text: &str) -> &str {
    let header = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"));
    header.map_or(text, |(_, content)| content)
}

/// Which lines of an output.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    All,
    Lines(usize, usize),
    FromTo(&'a str, &'a str),
}

impl Part<'_> {
    fn parse(text: &str) -> Result<Part<'_>, Problem> {
        let lines = || {
            let (first, last) = text.split_once('-')?;
            Some(Part::Lines(first.trim().parse().ok()?, last.trim().parse().ok()?))
        };
        let from_to = || {
            let (from, to) =
                text.strip_prefix("from \"")?.strip_suffix('"')?.split_once("\" to \"")?;
            Some(Part::FromTo(from, to))
        };
        match text {
            "" => Ok(Part::All),
            _ => lines().or_else(from_to).ok_or_else(|| {
                Problem::new(
                    format!("{text:?} names no lines"),
                    "Write {{#output NAME 3-9}} or {{#output NAME from \"text\" to \"text\"}}",
                )
            }),
        }
    }

    /// The first line and the last, from 1.
    fn of(&self, lines: &[&str], file: &str) -> Result<(usize, usize), Problem> {
        let from_line = |start: usize, text: &str| {
            let found = lines[start..].iter().position(|line| line.contains(text));
            found.map(|at| start + at + 1).ok_or_else(|| {
                let place = if start == 0 { "".into() } else { format!(" after its line {start}") };
                Problem::new(
                    format!("no line of {file}{place} contains {text:?}"),
                    "Look at what is recorded there, and take a part of a line.",
                )
            })
        };
        match *self {
            Part::All => Ok((1, lines.len())),
            Part::Lines(first, last) if first >= 1 && first <= last && last <= lines.len() => {
                Ok((first, last))
            }
            Part::Lines(first, last) => Err(Problem::new(
                format!("{file} has no lines {first}-{last}"),
                format!("It has the lines 1-{}.", lines.len()),
            )),
            Part::FromTo(from, to) => {
                let first = from_line(0, from)?;
                Ok((first, from_line(first - 1, to)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        let header = "---\nsource: tests/step04.rs\nexpression: visit\n---\n";
        let visit = "→ #2 OPENDIR\n← #2 OPENDIR = {fh=0}\n---\n→ #3 READ\n← #3 READ = 2 bytes\n";
        write("tests/snapshots/kernel__step04__visit.snap", &format!("{header}{visit}"));
        write("tests/snapshots/kernel__step01__init@6.12.snap", &format!("{header}INIT\n"));
        write("tests/snapshots/kernel__step01__empty.snap", &format!("{header}\n"));
        write("steps/02-wire/tests/snapshots/a.snap", &format!("{header}fields\n"));
        dir
    }

    fn of(argument: &str) -> Output {
        output(fixture().path(), argument).unwrap()
    }

    fn fault(argument: &str) -> String {
        output(fixture().path(), argument).unwrap_err().at("x.md", 1).to_string()
    }

    #[test]
    fn an_output_comes_without_the_header() {
        let output = of("step04__visit");
        assert_eq!(output.lines.len(), 5);
        assert_eq!(output.lines[0], "→ #2 OPENDIR");
        assert_eq!(output.caption, "recorded: tests/snapshots/kernel__step04__visit.snap");
    }

    #[test]
    fn the_caption_names_the_kernel() {
        let caption = of("step01__init@6.12").caption;
        assert!(caption.contains("@6.12.snap, Linux 6.12"), "{caption}");
    }

    #[test]
    fn a_step_s_own_snapshot_goes_by_its_path() {
        assert_eq!(of("steps/02-wire/tests/snapshots/a.snap").lines, ["fields"]);
    }

    #[test]
    fn a_part_goes_by_numbers_or_by_words() {
        let output = of("step04__visit 1-2");
        assert_eq!(output.lines, ["→ #2 OPENDIR", "← #2 OPENDIR = {fh=0}"]);
        assert!(output.caption.ends_with(", lines 1–2"), "{}", output.caption);
        assert_eq!(
            of("step04__visit from \"→ #3\" to \"← #3\"").lines,
            ["→ #3 READ", "← #3 READ = 2 bytes"]
        );
        assert_eq!(of("step04__visit from \"#3\" to \"READ\"").lines, ["→ #3 READ"]);
    }

    #[test]
    fn each_fault_says_what_to_do() {
        for (argument, expected) in [
            ("step04__vizit", "Nearest: kernel__step04__visit.snap"),
            ("step04__vizit", "cargo xtask vm-test 04 --accept"),
            ("steps/02-wire/tests/snapshots/b.snap", "Nearest: a.snap"),
            ("step04__visit 4-6", "lines 1-5"),
            ("step04__visit 0-1", "lines 1-5"),
            ("step04__visit 3-2", "lines 1-5"),
            ("step04__visit 3", "names no lines"),
            ("step04__visit from \"a\"", "names no lines"),
            ("step04__visit from \"WRITE\" to \"READ\"", "contains \"WRITE\""),
            ("step04__visit from \"READ\" to \"OPENDIR\"", "after its line 3 contains \"OPENDIR\""),
            ("step01__empty", "nothing to show"),
        ] {
            let fault = fault(argument);
            assert!(fault.contains(expected), "{argument}: {fault}");
        }
    }
}
