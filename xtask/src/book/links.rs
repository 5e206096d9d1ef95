//! Do the links inside the book lead anywhere?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::book::fault::{Fault, Problem, nearest};
use crate::book::fence::{Piece, pieces};
use crate::book::glossary;

/// What can be linked to: each page, by its path from `book/src`, with the ids of its headings.
#[derive(Debug, Default)]
pub struct Targets {
    pages: BTreeMap<PathBuf, BTreeSet<String>>,
    /// `book/src`, for pictures.
    src: PathBuf,
}

impl Targets {
    /// The book's sources are in `src`.
    pub fn new(src: &Path) -> Targets {
        Targets { src: src.into(), ..Targets::default() }
    }

    /// A page, by its path from `book/src`, with its directives resolved.
    pub fn add(&mut self, path: &Path, page: &str) {
        self.pages.insert(path.into(), ids(page));
    }

    /// Checks the links of the page at `path`. Its lines are the author's: directives bring no links.
    pub fn check(&self, path: &Path, file: &str, text: &str, faults: &mut Vec<Fault>) {
        for (number, link) in links(text) {
            faults.extend(self.fault(path, link).map(|problem| problem.of(link).at(file, number)));
        }
    }

    fn fault(&self, page: &Path, link: &str) -> Option<Problem> {
        if ["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme)) {
            return None;
        }
        let (to, fragment) = link.split_once('#').unwrap_or((link, ""));
        let target = match to {
            "" => page.to_owned(),
            to => normal(&page.parent().unwrap_or(Path::new("")).join(to)),
        };
        let Some(ids) = self.pages.get(&target) else {
            if target.extension().is_some_and(|e| e != "md") && self.src.join(&target).is_file() {
                return None;
            }
            let known = self.pages.keys().map(|path| path.display().to_string());
            let nearest = nearest(&target.display().to_string(), known);
            return Some(Problem::new("a link to what is not in the book", nearest));
        };
        if fragment.is_empty() || ids.contains(fragment) {
            return None;
        }
        let what = format!("{} has no heading #{fragment}", target.display());
        Some(Problem::new(what, nearest(fragment, ids.iter().cloned())))
    }
}

/// `a/../b.md` is `b.md`.
fn normal(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut normal, component| {
        match component {
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
        normal
    })
}

/// Where the links of a page lead, with the numbers of their lines: `](HERE)` and `[name]: HERE`.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut links = Vec::new();
    for piece in pieces(text) {
        let Piece::Line(number, line) = piece else { continue };
        // Every other part is inline code.
        for part in line.split('`').step_by(2) {
            let inline = part.split("](").skip(1).filter_map(|link| link.split([')', ' ']).next());
            links.extend(inline.map(|link| (number, link.trim_matches(['<', '>']))));
        }
        let definition = line.strip_prefix('[').and_then(|line| line.split_once("]: "));
        links.extend(definition.and_then(|(_, link)| Some((number, link.split(' ').next()?))));
    }
    links
}

/// What can follow a `#`: the ids of headings and defined terms as mdBook makes them, and those given in HTML.
fn ids(page: &str) -> BTreeSet<String> {
    let mut ids: BTreeSet<_> = glossary::entries(page).map(|(_, term)| id_of(term)).collect();
    for piece in pieces(page) {
        let Piece::Line(_, line) = piece else { continue };
        ids.extend(
            line.split(" id=\"").skip(1).filter_map(|id| Some(id.split_once('"')?.0.to_owned())),
        );
        let heading = line.trim_start_matches('#');
        if !(1..=6).contains(&(line.len() - heading.len())) || !heading.starts_with(' ') {
            continue;
        }
        let id = match heading.trim_end().strip_suffix('}').and_then(|h| h.split_once(" {#")) {
            Some((_, id)) => id.to_owned(),
            None => id_of(heading),
        };
        let numbered = (1..).map(|n| format!("{id}-{n}"));
        let free = std::iter::once(id.clone()).chain(numbered).find(|id| !ids.contains(id));
        ids.extend(free);
    }
    ids
}

/// The id of a heading: letters and digits in lower case, `-` for each space.
pub fn id_of(heading: &str) -> String {
    let mut text = String::new();
    let mut rest = heading.trim_end_matches([' ', '#']);
    // Not the tags in it, and not where its links lead.
    while let Some(at) = rest.find(['<', ']']) {
        text.push_str(&rest[..at]);
        let after = &rest[at..];
        let end = match (after.starts_with('<'), after.starts_with("](")) {
            (true, _) => after.find('>'),
            (_, true) => after.find(')'),
            _ => Some(0),
        };
        rest = &after[end.map_or(1, |end| end + 1)..];
    }
    text.push_str(rest);
    text.trim()
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c),
            c if c.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_mdbook() {
        let page = "# The device\n## `read` returns EPERM?\n## The device ##\n## 3. A — *b*\n\
            ## Own {#mine}\n## See [x](y.md) and <code>fuse_get</code>\n<a id=\"here\"></a>\n\
            ```c by-hand\n# no heading\n```\n#nor this\n\npage cache\n: Of a file.\n";
        let expected = [
            "3-a--b",
            "here",
            "mine",
            "page-cache",
            "read-returns-eperm",
            "see-x-and-fuse_get",
            "the-device",
            "the-device-1",
        ];
        assert_eq!(ids(page), expected.map(String::from).into());
    }

    #[test]
    fn links_are_found_but_not_in_code() {
        let text = "[a](b.md) and ![p](c.svg \"title\")\n`[x](y.md)` [z](<d.md#e>)\n[r]: f.md\n";
        assert_eq!(links(text), [(1, "b.md"), (1, "c.svg"), (2, "d.md#e"), (3, "f.md")]);
    }

    fn faults(text: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("pipe.svg"), "<svg/>").unwrap();
        let mut targets = Targets::new(dir.path());
        targets.add(Path::new("device.md"), "# The device\n## Own\n");
        targets.add(Path::new("more/wire.md"), "# The wire\n");
        let mut faults = Vec::new();
        targets.check(Path::new("more/wire.md"), "book/src/more/wire.md", text, &mut faults);
        faults.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn good_links_pass() {
        let text = "[a](../device.md) [b](../device.md#own) [c](#the-wire) [d](https://kernel.org/x#y)\n\
            ![e](../pipe.svg) [f](wire.md)\n";
        assert_eq!(faults(text), [""; 0]);
    }

    #[test]
    fn a_broken_link_names_the_nearest() {
        for (text, expected) in [
            (
                "x\n[a](../devise.md)\n",
                "book/src/more/wire.md:2: ../devise.md: a link to what is not in the book\n    Nearest: device.md",
            ),
            ("[a](../device.md#owm)\n", "device.md has no heading #owm\n    Nearest: own"),
            ("[a](#the-wires)\n", "more/wire.md has no heading #the-wires"),
            ("![a](../pine.svg)\n", "../pine.svg: a link to what is not in the book"),
            ("[a](../../../README.md)\n", "a link to what is not in the book"),
        ] {
            let faults = faults(text);
            assert!(faults.len() == 1 && faults[0].contains(expected), "{faults:?}");
        }
    }
}
