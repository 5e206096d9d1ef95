//! `{{#code FILE:ANCHOR}}`: a piece of a step's source, by the name that the source gives it.

use std::fs;
use std::path::Path;

use crate::book::fault::{Problem, nearest};

/// Lines of a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The lines, without the indentation that all have.
    pub lines: Vec<String>,
    /// What the block's info string says: `rust`.
    pub language: &'static str,
    /// Where it is from: `steps/01-device/src/device.rs, lines 40–52`.
    pub caption: String,
}

/// What `FILE:ANCHOR` names.
pub fn excerpt(root: &Path, argument: &str) -> Result<Excerpt, Problem> {
    let Some((file, anchor)) = argument.split_once(':').filter(|(_, anchor)| !anchor.is_empty())
    else {
        return Err(Problem::new(
            "no anchor",
            "Write {{#code FILE:ANCHOR}}, for example {{#code steps/01-device/src/device.rs:open}}",
        ));
    };
    let text = fs::read_to_string(root.join(file)).map_err(|error| {
        Problem::new(format!("cannot read {file}: {error}"), nearest_file(root, file))
    })?;
    let (first, last) = range(&text, file, anchor)?;
    let lines: Vec<_> = text.lines().collect();
    spare_exercises(&lines, (first, last), file)?;
    // Blank lines at either end are not shown, nor counted.
    let shown: Vec<usize> = (first..last).filter(|n| marker(lines[*n]).is_none()).collect();
    let blank = |n: &&usize| lines[**n].trim().is_empty();
    let start = shown.iter().take_while(blank).count();
    let end = shown.len() - shown.iter().rev().take_while(blank).count();
    if start >= end {
        return Err(Problem::new(
            format!("nothing between ANCHOR: {anchor} and its ANCHOR_END"),
            format!("Put the lines to show between them, in {file}:{first}"),
        ));
    }
    let shown = &shown[start..end];
    let (from, to) = (shown[0] + 1, shown[shown.len() - 1] + 1);
    let lines_word =
        if from == to { format!("line {from}") } else { format!("lines {from}–{to}") };
    Ok(Excerpt {
        lines: dedented(shown.iter().map(|n| lines[*n])),
        language: language(file),
        caption: format!("{file}, {lines_word}"),
    })
}

/// What the reader is to write is printed nowhere.
fn spare_exercises(
    lines: &[&str],
    (first, last): (usize, usize),
    file: &str,
) -> Result<(), Problem> {
    let mark = |n: &usize| lines[*n].trim().strip_prefix("// EXERCISE");
    // Within the body of one: it has begun, and not ended.
    let open = (0..last).rev().find_map(|n| mark(&n).map(|mark| (n, mark.starts_with(':'))));
    let overlaps = (first..last).find(|n| mark(n).is_some());
    match overlaps.or(open.filter(|(_, begins)| *begins).map(|(n, _)| n)) {
        None => Ok(()),
        Some(n) => Err(Problem::new(
            format!("it would print the body of an exercise: {file}:{}", n + 1),
            "Print another piece, or make another function the exercise.",
        )),
    }
}

/// The lines between the marks of `anchor`: indices from the first to one past the last.
fn range(text: &str, file: &str, anchor: &str) -> Result<(usize, usize), Problem> {
    let marks = || text.lines().enumerate().filter_map(|(n, line)| Some((n, marker(line)?)));
    let starts: Vec<_> =
        marks().filter(|(_, m)| *m == Marker::Start(anchor)).map(|(n, _)| n).collect();
    let ends: Vec<_> = marks().filter(|(_, m)| *m == Marker::End(anchor)).map(|(n, _)| n).collect();
    match (&starts[..], &ends[..]) {
        ([start], [end]) if start < end => Ok((start + 1, *end)),
        ([], _) => {
            let names = marks().filter_map(|(_, mark)| match mark {
                Marker::Start(name) => Some(name.to_owned()),
                Marker::End(_) => None,
            });
            let nearest = nearest(anchor, names);
            let advice = format!(
                "{nearest}. Or put // ANCHOR: {anchor} and // ANCHOR_END: {anchor} around the lines."
            );
            Err(Problem::new(format!("no anchor {anchor} in {file}"), advice))
        }
        ([start], []) => Err(Problem::new(
            format!("the anchor {anchor} has no end: {file}:{}", start + 1),
            format!("Put // ANCHOR_END: {anchor} after its last line."),
        )),
        ([start], [end]) => Err(Problem::new(
            format!(
                "the anchor {anchor} ends before it starts: {file}:{} and {}",
                end + 1,
                start + 1
            ),
            "Put ANCHOR before its ANCHOR_END.",
        )),
        ([start, second, ..], _) | ([start], [_, second, ..]) => Err(Problem::new(
            format!("the anchor {anchor} is there twice: {file}:{} and {}", start + 1, second + 1),
            "Each name may start once and end once in a file. Name one of them otherwise.",
        )),
    }
}

/// A comment that names a piece of a source.
#[derive(Debug, PartialEq, Eq)]
enum Marker<'a> {
    Start(&'a str),
    End(&'a str),
}

/// `// ANCHOR: name` or `# ANCHOR_END: name`, alone on a line.
fn marker(line: &str) -> Option<Marker<'_>> {
    let line = line.trim();
    let comment = line.strip_prefix("//").or_else(|| line.strip_prefix('#'))?.trim_start();
    let start = comment.strip_prefix("ANCHOR:").map(|name| Marker::Start(name.trim()));
    start.or_else(|| comment.strip_prefix("ANCHOR_END:").map(|name| Marker::End(name.trim())))
}

fn dedented<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let indentation = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let common = lines.clone().filter(|l| !l.trim().is_empty()).map(indentation).min().unwrap_or(0);
    lines.map(|line| line.get(common..).unwrap_or_default().trim_end().to_owned()).collect()
}

/// How a highlighter calls the language of a file.
fn language(file: &str) -> &'static str {
    match Path::new(file).extension().and_then(|extension| extension.to_str()) {
        Some("rs") => "rust",
        Some("toml") => "toml",
        Some("sh") => "bash",
        Some("c" | "h") => "c",
        _ => "text",
    }
}

/// What is there instead of a file: the nearest names in the deepest directory that exists.
pub fn nearest_file(root: &Path, file: &str) -> String {
    let path = Path::new(file);
    let dir = path.ancestors().skip(1).find(|dir| root.join(dir).is_dir()).unwrap_or(Path::new(""));
    let missing = path.strip_prefix(dir).ok().and_then(|rest| rest.iter().next());
    let missing = missing.unwrap_or_default().to_string_lossy();
    let entries = fs::read_dir(root.join(dir)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    format!("{} (in {}/)", nearest(&missing, names), dir.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
// ANCHOR: all
mod a {
    // ANCHOR: open

    fn open() {
        // ANCHOR: inner
        body();
        // ANCHOR_END: inner
    }
    // ANCHOR_END: open
}
// ANCHOR_END: all
// ANCHOR: endless
// ANCHOR: twice
one
// ANCHOR_END: twice
// ANCHOR: twice
two
// ANCHOR_END: twice
// ANCHOR: empty

// ANCHOR_END: empty
// ANCHOR: around
fn f() {
    // EXERCISE: 01.1
    // ANCHOR: within
    body();
    // ANCHOR_END: within
    // EXERCISE_END: 01.1
}
// ANCHOR_END: around
// ANCHOR: behind
fn g() {}
// ANCHOR_END: behind
// ANCHOR_END: turned
x
// ANCHOR: turned
";

    fn fixture() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/device.rs"), SOURCE).unwrap();
        fs::write(dir.path().join("a.toml"), "# ANCHOR: x\na = 1\n# ANCHOR_END: x\n").unwrap();
        dir
    }

    fn fault(argument: &str) -> String {
        excerpt(fixture().path(), argument).unwrap_err().at("x.md", 1).to_string()
    }

    #[test]
    fn lines_come_dedented_and_without_marks() {
        let excerpt = excerpt(fixture().path(), "src/device.rs:open").unwrap();
        assert_eq!(excerpt.lines, ["fn open() {", "    body();", "}"]);
        assert_eq!(excerpt.language, "rust");
        assert_eq!(excerpt.caption, "src/device.rs, lines 5–9");
    }

    #[test]
    fn anchors_nest() {
        let of = |anchor| excerpt(fixture().path(), &format!("src/device.rs:{anchor}")).unwrap();
        assert_eq!(of("inner").lines, ["body();"]);
        assert_eq!(of("inner").caption, "src/device.rs, line 7");
        assert_eq!(of("behind").lines, ["fn g() {}"]);
        assert_eq!(
            of("all").lines,
            ["mod a {", "", "    fn open() {", "        body();", "    }", "}"]
        );
    }

    #[test]
    fn other_languages_have_anchors_too() {
        let excerpt = excerpt(fixture().path(), "a.toml:x").unwrap();
        assert_eq!((excerpt.language, &excerpt.lines[..]), ("toml", &["a = 1".to_owned()][..]));
    }

    #[test]
    fn a_missing_file_names_its_neighbours() {
        let fault = fault("src/devise.rs:open");
        assert!(
            fault.contains("src/devise.rs") && fault.contains("Nearest: device.rs (in src/)"),
            "{fault}"
        );
    }

    #[test]
    fn a_missing_anchor_names_the_nearest() {
        let fault = fault("src/device.rs:opem");
        assert!(fault.contains("no anchor opem") && fault.contains("Nearest: open,"), "{fault}");
    }

    #[test]
    fn other_faults_of_an_anchor() {
        for (argument, expected) in [
            ("src/device.rs", "no anchor"),
            ("src/device.rs:", "no anchor"),
            ("src/device.rs:endless", "has no end: src/device.rs:13"),
            ("src/device.rs:twice", "twice: src/device.rs:14 and 17"),
            ("src/device.rs:empty", "nothing between"),
            ("src/device.rs:turned", "ends before it starts"),
            ("src/device.rs:around", "the body of an exercise: src/device.rs:25"),
            ("src/device.rs:within", "the body of an exercise: src/device.rs:25"),
        ] {
            let fault = fault(argument);
            assert!(fault.contains(expected), "{fault}");
        }
    }
}
