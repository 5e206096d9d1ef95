//! `cargo xtask book-preprocess`: what mdBook runs on the chapters before it renders them.
//!
//! mdBook's own includes are not used: a file or an anchor that is missing gives a page with an empty
//! block there, and exit status 0. Here every fault stops the build.

use std::io::{read_to_string, stdin};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use crate::book::chapter::{self, Sources};
use crate::book::fault::{Fault, Problem};
use crate::book::glossary::{self, Glossary};
use crate::book::kernel::Functions;
use crate::book::links::Targets;
use crate::{Outcome, steps};

/// Resolve the chapters' directives, as mdBook asks.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    question: Option<Question>,
}

#[derive(clap::Subcommand)]
enum Question {
    /// Is this renderer supported?
    Supports { renderer: String },
}

pub fn book_preprocess(Arguments { question }: Arguments) -> anyhow::Result<Outcome> {
    if let Some(Question::Supports { renderer }) = question {
        return Ok(if renderer == "html" { Outcome::Good } else { Outcome::Bad });
    }
    let input = read_to_string(stdin()).context("cannot read what mdBook sends")?;
    let (_context, mut book): (Value, Value) = serde_json::from_str(&input)
        .context("mdBook did not send [context, book]. Start it: cargo xtask book")?;

    let root = steps::workspace_root();
    let faults = preprocess(&root, &Functions::read(&root)?, &mut book)?;
    if faults.is_empty() {
        println!("{book}");
        return Ok(Outcome::Good);
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    eprintln!("\nthe book has {} fault(s)", faults.len());
    Ok(Outcome::Bad)
}

/// A chapter in mdBook's JSON.
struct Chapter<'a> {
    /// From `book/src`.
    path: PathBuf,
    /// From the workspace's root.
    file: String,
    content: &'a mut Value,
}

/// Resolves all chapters of `book` in their place.
fn preprocess(root: &Path, functions: &Functions, book: &mut Value) -> anyhow::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let mut chapters = Vec::new();
    let items = book.get_mut("items").context("the book has no items: this needs mdBook 0.5")?;
    collect(items, &mut chapters)?;
    if chapters.is_empty() && faults.is_empty() {
        let problem = Problem::new("the book has no chapter", "Add one: - [Title](file.md)");
        faults.push(problem.at("book/src/SUMMARY.md", 1));
    }

    let glossary = chapters.iter().find(|chapter| chapter.path == Path::new(glossary::PAGE));
    let glossary = glossary.and_then(|chapter| chapter.content.as_str()).unwrap_or_default();
    let mut glossary = Glossary::read(glossary, &mut faults);
    let mut targets = Targets::new(&root.join("book/src"));
    let mut written = Vec::new();
    for Chapter { path, file, content } in &mut chapters {
        let text = content.as_str().context("a chapter's content is not a string")?.to_owned();
        let sources = Sources { root, functions, page: &path.to_string_lossy() };
        let linked = match path == Path::new(glossary::PAGE) {
            true => glossary.page(&text),
            false => glossary.linked(&text),
        };
        let page = chapter::resolve(&sources, file, &linked, &mut faults);
        targets.add(path, &page);
        **content = Value::String(page);
        written.push(text);
    }
    faults.extend(glossary.unused());
    for (Chapter { path, file, .. }, text) in chapters.iter().zip(&written) {
        targets.check(path, file, text, &mut faults);
    }
    Ok(faults)
}

/// All chapters below `items`, in the order of SUMMARY.md.
fn collect<'a>(items: &'a mut Value, chapters: &mut Vec<Chapter<'a>>) -> anyhow::Result<()> {
    for item in items.as_array_mut().context("the book's items are not a list")? {
        // The others are separators and titles of parts.
        let Some(Value::Object(chapter)) = item.get_mut("Chapter") else { continue };
        match chapter.get("source_path").and_then(Value::as_str).map(PathBuf::from) {
            // One that is still to come: it has a number, and a title that leads nowhere.
            None => {}
            Some(path) => {
                let file = format!("book/src/{}", path.display());
                let (mut content, mut below) = (None, None);
                for (key, value) in chapter {
                    match key.as_str() {
                        "content" => content = Some(value),
                        "sub_items" => below = Some(value),
                        _ => {}
                    }
                }
                let content = content.with_context(|| format!("{file} has no content"))?;
                chapters.push(Chapter { path, file, content });
                below.map_or(Ok(()), |items| collect(items, chapters))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::book::kernel::tests::fixture;

    fn chapter(file: &str, content: &str, below: Value) -> Value {
        json!({"Chapter": {
            "name": "A", "content": content, "number": [1], "sub_items": below,
            "path": file, "source_path": file, "parent_names": [],
        }})
    }

    fn faults(items: Value) -> Vec<String> {
        let faults =
            preprocess(Path::new("/"), &fixture(), &mut json!({ "items": items })).unwrap();
        faults.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn chapters_at_all_depths_are_resolved_and_the_rest_is_kept() {
        let text = "# A\n\n{{#kernel fuse_dev_do_write}} [b](b.md#a)\n";
        let mut book = json!({"items": [
            {"PartTitle": "One"}, "Separator",
            chapter("a.md", text, json!([chapter("b.md", text, json!([]))])),
        ]});
        let before = book.clone();
        assert_eq!(preprocess(Path::new("/"), &fixture(), &mut book).unwrap(), []);
        let resolved = text.replace(
            "{{#kernel fuse_dev_do_write}}",
            "<code>fuse_dev_do_write</code> (fs/fuse/dev.c, v6.12)",
        );
        assert_eq!(book["items"][2]["Chapter"]["content"], resolved);
        assert_eq!(book["items"][2]["Chapter"]["sub_items"][0]["Chapter"]["content"], resolved);
        assert_eq!(book["items"][2]["Chapter"]["path"], "a.md");
        assert_eq!(
            (&book["items"][0], &book["items"][1]),
            (&before["items"][0], &before["items"][1])
        );
    }

    #[test]
    fn faults_of_all_chapters_are_told() {
        let items = json!([
            chapter("a.md", "x {{#kernel f}}\n", json!([])),
            chapter("b.md", "[a](c.md)\n", json!([])),
            chapter("d.md", "", json!([])),
        ]);
        let faults = faults(items);
        assert_eq!(faults.len(), 3, "{faults:?}");
        assert!(
            faults.iter().any(|fault| fault.starts_with("book/src/b.md:1: c.md:")),
            "{faults:?}"
        );
    }

    #[test]
    fn the_glossary_is_linked_to_and_stays_used() {
        let text = "page\n: 4096 bytes.\n\npipe | pipes\n: A row of slots.\n";
        let items = json!([
            chapter("a.md", "A page.\n", json!([])),
            chapter("glossary.md", text, json!([])),
        ]);
        let mut book = json!({ "items": items });
        let faults = preprocess(Path::new("/"), &fixture(), &mut book).unwrap();
        assert!(faults.len() == 1 && faults[0].to_string().contains("uses \"pipe\""), "{faults:?}");
        let content = &book["items"][0]["Chapter"]["content"];
        assert_eq!(content, "A <a class=\"term\" href=\"glossary.md#page\">page</a>.\n");
        assert!(book["items"][1]["Chapter"]["content"].as_str().unwrap().contains("\npipe\n: "));
    }

    #[test]
    fn a_chapter_may_be_to_come_but_not_all_of_them() {
        let draft = json!({"Chapter": {"name": "Later", "content": "", "sub_items": [], "source_path": null}});
        let written = chapter("a.md", "Text.", json!([]));
        assert_eq!(faults(json!([written, draft])), Vec::<String>::new());
        assert!(faults(json!([]))[0].contains("no chapter"));
    }

    #[test]
    fn an_older_mdbook_is_told() {
        let error =
            preprocess(Path::new("/"), &fixture(), &mut json!({"sections": []})).unwrap_err();
        assert!(error.to_string().contains("mdBook 0.5"));
    }
}
