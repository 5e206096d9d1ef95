//! The glossary, and the links to it: each page's first use of a term leads there.
//!
//! `book/src/glossary.md` is a definition list. Above each definition stands its term, and behind a bar
//! the other forms in which the book writes it: `page | pages`. No form is guessed; only a sentence may
//! begin with a capital. A form in backticks is looked for among the inline code.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::fault::{Fault, Problem};
use crate::book::links::id_of;
use crate::book::prose::{Token, tokens};

/// The page, from `book/src`.
pub const PAGE: &str = "glossary.md";

/// The terms of the book.
#[derive(Debug, Default)]
pub struct Glossary {
    terms: Vec<Term>,
    /// Each form's words, and its term; by the first word.
    forms: BTreeMap<String, Vec<(Vec<String>, usize)>>,
    used: BTreeSet<usize>,
}

#[derive(Debug)]
struct Term {
    name: String,
    /// Its line in the glossary, from 1.
    line: usize,
}

impl Glossary {
    /// Reads the glossary's text. A term that stands twice or at the wrong place is a fault.
    pub fn read(text: &str, faults: &mut Vec<Fault>) -> Glossary {
        let mut glossary = Glossary::default();
        for (number, line) in entries(text) {
            let mut forms = line.split(['|', ',']).map(str::trim);
            let name = forms.next().unwrap_or_default().to_owned();
            let before = glossary.terms.last().map(|term| term.name.clone());
            if let Some(before) = before.filter(|before| id_of(before) > id_of(&name)) {
                let problem = Problem::new(
                    format!("{name} stands behind {before}"),
                    "The terms are sorted. Move it up.",
                );
                faults.push(problem.at(&file(), number));
            }
            for form in std::iter::once(name.as_str()).chain(forms) {
                if !glossary.add(form) {
                    let problem = Problem::new(
                        format!("{form:?} leads to two terms, or to none"),
                        "Each form of a term may stand once in the glossary.",
                    );
                    faults.push(problem.at(&file(), number));
                }
            }
            glossary.terms.push(Term { name, line: number });
        }
        glossary
    }

    /// A form of the next term. False: it cannot be one.
    fn add(&mut self, form: &str) -> bool {
        let words: Vec<_> = tokens(form).into_iter().map(|token| token.text.to_owned()).collect();
        let Some(first) = words.first() else { return false };
        let known = self.forms.entry(first.clone()).or_default();
        if known.iter().any(|(other, _)| *other == words) {
            return false;
        }
        known.push((words, self.terms.len()));
        true
    }

    /// A page with its links to the glossary.
    pub fn linked(&mut self, text: &str) -> String {
        let (linked, seen) = self.link(text, PAGE, BTreeSet::new());
        self.used.extend(seen);
        linked
    }

    /// The glossary's own page: without the forms, and each definition with links to the others.
    pub fn page(&self, text: &str) -> String {
        let entries: BTreeMap<_, _> = entries(text).collect();
        // The term whose definition this is, and what its definition has linked to.
        let mut seen = BTreeSet::new();
        let mut page = String::new();
        for (index, line) in text.lines().enumerate() {
            if entries.contains_key(&(index + 1)) {
                let term = self.terms.iter().position(|term| term.line == index + 1);
                page += term.map_or(line, |term| &self.terms[term].name);
                seen = term.into_iter().collect();
            } else {
                let linked;
                (linked, seen) = self.link(line, "", seen);
                page += &linked;
            }
            page.push('\n');
        }
        page
    }

    /// `text` with links for its first uses of terms that are not in `seen`; and what is seen then.
    fn link(&self, text: &str, page: &str, mut seen: BTreeSet<usize>) -> (String, BTreeSet<usize>) {
        let tokens = tokens(text);
        let (mut linked, mut done, mut next) = (String::new(), 0, 0);
        while next < tokens.len() {
            let Some((length, term)) = self.longest(&tokens[next..]) else {
                next += 1;
                continue;
            };
            let (start, end) = (tokens[next].at.start, tokens[next + length - 1].at.end);
            next += length;
            if seen.insert(term) {
                let id = id_of(&self.terms[term].name);
                linked += &text[done..start];
                linked +=
                    &format!("<a class=\"term\" href=\"{page}#{id}\">{}</a>", &text[start..end]);
                done = end;
            }
        }
        (linked + &text[done..], seen)
    }

    /// The longest form that begins here: how many words, and of which term.
    fn longest(&self, tokens: &[Token<'_>]) -> Option<(usize, usize)> {
        let first = tokens.first()?.text;
        let small: String = first.chars().take(1).flat_map(char::to_lowercase).collect();
        let small = small + first.get(1..).unwrap_or_default();
        let fits = |words: &[String]| {
            words.len() <= tokens.len()
                && words.iter().zip(tokens).skip(1).all(|(word, t)| t.follows && t.text == word)
        };
        let forms = [first, &small].into_iter().filter_map(|word| self.forms.get(word)).flatten();
        let fitting = forms.filter(|(words, _)| fits(words));
        fitting.map(|(words, term)| (words.len(), *term)).max_by_key(|(length, _)| *length)
    }

    /// The terms that no page used.
    pub fn unused(&self) -> impl Iterator<Item = Fault> {
        let unused = (0..self.terms.len()).filter(|term| !self.used.contains(term));
        unused.map(|term| {
            let Term { name, line } = &self.terms[term];
            let what = format!("no page of the book uses {name:?}");
            Problem::new(what, "Take it out, or add the form in which it is used.")
                .at(&file(), *line)
        })
    }
}

fn file() -> String {
    format!("book/src/{PAGE}")
}

/// The lines with terms: those above a definition, which begins with `: `.
pub fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let below = text.lines().skip(1);
    let lines = text.lines().zip(below).enumerate();
    lines.filter(|(_, (_, below))| below.starts_with(": ")).map(|(n, (line, _))| (n + 1, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Glossary\n\nnode id | node ids\n: The number of a node.\n\n\
        page | pages\n: 4096 bytes.\n\npage cache\n: The pages of a file, and no page\n  else.\n\n\
        unique | `unique`\n: A number.\n";

    fn read(text: &str) -> (Glossary, Vec<String>) {
        let mut faults = Vec::new();
        let glossary = Glossary::read(text, &mut faults);
        (glossary, faults.iter().map(Fault::to_string).collect())
    }

    fn linked(text: &str) -> String {
        let (mut glossary, faults) = read(TEXT);
        assert_eq!(faults, [""; 0]);
        glossary
            .linked(text)
            .replace("<a class=\"term\" href=\"glossary.md#", "<")
            .replace("</a>", "</>")
    }

    #[test]
    fn the_first_use_of_each_term_is_linked() {
        assert_eq!(
            linked("Pages of the page\ncache. Pages, node ids, a page cache.\n"),
            "<page\">Pages</> of the <page-cache\">page\ncache</>. Pages, <node-id\">node ids</>, a page cache.\n"
        );
        assert_eq!(linked("The `unique` of `page`.\n"), "The <unique\">`unique`</> of `page`.\n");
    }

    #[test]
    fn only_forms_that_are_declared_count() {
        for text in [
            "A paging NODE ID, Node Ids.\n",
            "# page\n",
            "[page](x.md)\n",
            "page-cached, my_page\n",
        ] {
            assert_eq!(linked(text), text);
        }
        assert_eq!(linked("A page, cache it.\n"), "A <page\">page</>, cache it.\n");
        assert_eq!(linked("Node ids are\n"), "<node-id\">Node ids</> are\n");
    }

    #[test]
    fn the_glossary_links_to_itself_but_no_term_to_its_own() {
        let page = read(TEXT).0.page(TEXT);
        assert!(page.contains("\nnode id\n: The number of a node.\n"), "{page}");
        assert!(page.contains("\npage\n: 4096 bytes."), "{page}");
        assert!(
            page.contains(
                "\n: The <a class=\"term\" href=\"#page\">pages</a> of a file, and no page\n"
            ),
            "{page}"
        );
    }

    #[test]
    fn terms_that_are_unused_unsorted_or_doubled_are_faults() {
        let (mut glossary, _) = read(TEXT);
        glossary.linked("A page cache and one page; the node\nid.\n");
        let unused: Vec<_> = glossary.unused().map(|fault| fault.to_string()).collect();
        assert_eq!(unused.len(), 1, "{unused:?}");
        assert!(
            unused[0].starts_with("book/src/glossary.md:13: no page of the book uses \"unique\""),
            "{unused:?}"
        );

        let faults = read("b\n: x\n\na\n: y\n").1;
        assert!(
            faults.len() == 1 && faults[0].starts_with("book/src/glossary.md:4: a stands behind b"),
            "{faults:?}"
        );
        let faults = read("a | b\n: x\n\nb | ,\n: y\n").1;
        assert!(faults.len() == 3 && faults[0].contains("\"b\" leads to two terms"), "{faults:?}");
    }
}
