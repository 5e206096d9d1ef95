//! `{{#goals}}`: what the reader of a chapter can do afterwards. It stands in the step's `step.toml`,
//! with all else that is said of a step in more than one place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::book::fault::{Problem, nearest};

/// What `step.toml` says.
#[derive(Debug, Deserialize)]
pub struct About {
    /// `The wire`
    pub title: String,
    /// What the step adds, in a line.
    pub idea: String,
    /// The chapter that is called like the step.
    #[serde(flatten)]
    pub chapter: Chapter,
    /// Further chapters on the same step, by the names of their files: `05-one-answer`.
    #[serde(default)]
    chapters: BTreeMap<String, Chapter>,
}

/// What a chapter says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Chapter {
    /// How long it takes, with everything that one is to try.
    pub minutes: usize,
    /// The last one begins with *explain*.
    pub goals: Vec<String>,
}

/// The goals of the page, as a list.
pub fn goals(root: &Path, page: &str) -> Result<String, Problem> {
    let Chapter { goals, .. } = of_page(root, page)?;
    if goals.len() != 3 || !goals[2].starts_with("explain ") {
        return Err(Problem::new(
            "a chapter has three goals, and the last one begins with: explain",
            format!("Change them in {}", file(&directory(root, page)?)),
        ));
    }
    let [first, second, third] = [0, 1, 2].map(|n| &goals[n]);
    Ok(format!("**Goal.** After this chapter you can\n\n- {first},\n- {second},\n- {third}.\n"))
}

/// What `step.toml` says of a page of the book: `05-one-answer.md`.
pub fn of_page(root: &Path, page: &str) -> Result<Chapter, Problem> {
    let directory = directory(root, page)?;
    let About { chapter, mut chapters, .. } = about(root, &directory)?;
    let name = page.trim_end_matches(".md");
    if name == directory {
        return Ok(chapter);
    }
    chapters.remove(name).ok_or_else(|| {
        Problem::new(
            format!("{} says nothing of {page}", file(&directory)),
            format!("Add [chapters.{name}] to it, with minutes and goals."),
        )
    })
}

/// What `step.toml` says of the step in `steps/DIRECTORY`.
pub fn about(root: &Path, directory: &str) -> Result<About, Problem> {
    let file = file(directory);
    let wrong = |error: String| {
        let advice = format!("Write title, idea, minutes and goals into {file}");
        Problem::new(format!("cannot read {file}: {error}"), advice)
    };
    let text = fs::read_to_string(root.join(&file)).map_err(|error| wrong(error.to_string()))?;
    toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))
}

/// The directories in `steps/`, lowest first.
pub fn directories(root: &Path) -> Vec<String> {
    let entries = fs::read_dir(root.join("steps")).into_iter().flatten().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The step that a page is about: the one with its number.
pub fn directory(root: &Path, page: &str) -> Result<String, Problem> {
    let number = page.get(..3).filter(|number| number.ends_with('-'));
    let steps = directories(root);
    let step = number.and_then(|number| steps.iter().find(|step| step.starts_with(number)));
    step.cloned().ok_or_else(|| {
        let what = format!("{page} is the chapter of no step");
        Problem::new(what, nearest(page, steps.iter().map(|step| format!("{step}.md"))))
    })
}

fn file(directory: &str) -> String {
    format!("steps/{directory}/step.toml")
}

#[cfg(test)]
pub mod tests {
    use super::*;

    const WIRE: &str = "title = \"The wire\"\nidea = \"bytes < names\"\nminutes = 75\n\
        goals = [\"name bytes\", \"decode\", \"explain why\"]\n\
        [chapters.02-more]\nminutes = 5\ngoals = [\"explain\"]\n";

    /// Two steps, of which the second has two chapters.
    pub fn fixture() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let step = |name: &str, about: &str, dependencies: &str| {
            let step = dir.path().join("steps").join(name);
            fs::create_dir_all(&step).unwrap();
            fs::write(step.join("step.toml"), about).unwrap();
            let manifest =
                format!("[package]\nname = \"step{name}\"\n[dependencies]\n{dependencies}");
            fs::write(step.join("Cargo.toml"), manifest).unwrap();
        };
        step("01-device", &WIRE.replace("The wire", "The device").replace("02-more", "01-x"), "");
        step("02-wire", WIRE, "step01-device.workspace = true\nnix.workspace = true\n");
        let src = dir.path().join("book/src");
        fs::create_dir_all(&src).unwrap();
        let page = |name: &str, text: &str| fs::write(src.join(name), text).unwrap();
        page(
            "SUMMARY.md",
            "# Summary\n[Preface](preface.md)\n- [Device](01-device.md)\n- [W](02-wire.md)\n  - [M](02-more.md)\n",
        );
        page("01-device.md", "# The device\n\nTwo words.\n");
        page("02-wire.md", &format!("# Wire & co\n\n{}", "word ".repeat(2000)));
        page("02-more.md", "# More\n");
        dir
    }

    #[test]
    fn the_goals_of_a_chapter_become_its_list() {
        let dir = fixture();
        assert_eq!(
            goals(dir.path(), "02-wire.md").unwrap(),
            "**Goal.** After this chapter you can\n\n- name bytes,\n- decode,\n- explain why.\n"
        );
    }

    #[test]
    fn a_step_may_have_two_chapters() {
        let of = |page| of_page(fixture().path(), page).map(|chapter| chapter.minutes);
        assert_eq!((of("02-wire.md"), of("02-more.md")), (Ok(75), Ok(5)));
    }

    #[test]
    fn faults() {
        for (page, expected) in [
            ("02-more.md", "steps/02-wire/step.toml"),
            ("02-mroe.md", "Add [chapters.02-mroe]"),
            ("03-x.md", "Nearest: 0"),
            ("preface.md", "the chapter of no step"),
        ] {
            let fault = goals(fixture().path(), page).unwrap_err().at("x.md", 1).to_string();
            assert!(fault.contains(expected), "{page}: {fault}");
        }
    }

    #[test]
    fn the_last_of_three_goals_is_to_explain() {
        for (from, to) in [("explain why", "know why"), ("\"decode\", ", "")] {
            let dir = fixture();
            let file = dir.path().join("steps/02-wire/step.toml");
            fs::write(file, WIRE.replace(from, to)).unwrap();
            let fault = goals(dir.path(), "02-wire.md").unwrap_err().at("x.md", 1).to_string();
            assert!(fault.contains("three goals") && fault.contains("steps/02-wire"), "{fault}");
        }
    }

    #[test]
    fn a_key_that_is_missing_is_named() {
        let dir = fixture();
        fs::write(dir.path().join("steps/02-wire/step.toml"), "title = \"x\"\n").unwrap();
        let fault = about(dir.path(), "02-wire").unwrap_err().at("x.md", 1).to_string();
        assert!(fault.contains("steps/02-wire/step.toml") && fault.contains("idea"), "{fault}");
    }
}
