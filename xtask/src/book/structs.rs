//! `{{#structs}}`: a ruler of bytes for every struct of 7.14, drawn from the structs themselves.

mod users;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use step02_wire::abi::{self, FieldKind, Layout};

use crate::book::explorer::Section;
use crate::book::fault::Problem;
use crate::book::html::escaped;

/// Where the structs stand, with what is said of them.
const SOURCES: [&str; 3] = [
    "steps/02-wire/src/abi/session.rs",
    "steps/02-wire/src/abi/node.rs",
    "steps/02-wire/src/abi/file.rs",
];
/// Bytes in a row of a ruler.
const ROW: usize = 8;

/// Every struct in the order of the sources: what it is for, who uses it, and its ruler.
pub fn structs(root: &Path, argument: &str) -> Result<String, Problem> {
    if !argument.is_empty() {
        return Err(Problem::new("it takes no argument", "Write {{#structs}}"));
    }
    let mut sources = String::new();
    for file in SOURCES {
        sources += &fs::read_to_string(root.join(file)).map_err(|error| {
            Problem::new(format!("cannot read {file}: {error}"), "Name it in structs.rs.")
        })?;
    }
    let mut page = String::new();
    for layout in abi::ALL {
        let said = said_of(&sources, layout.name).ok_or_else(|| {
            let what = format!("nothing is said of {} in {}", layout.name, SOURCES.join(", "));
            Problem::new(what, "Give the struct a doc comment.")
        })?;
        let users = users::sentences(layout.name);
        let _ = write!(page, "\n## {}\n\n{said}\n\n{users}\n\n{}", layout.name, ruler(layout));
    }
    Ok(page)
}

/// The doc comment of a struct, in one line.
fn said_of(sources: &str, name: &str) -> Option<String> {
    let lines: Vec<_> = sources.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.contains(&format!(" = \"{name}\", ")))?;
    // Between a comment and its struct there may be the mark of an excerpt.
    let above = lines[..at].iter().rev().take_while(|line| line.starts_with("//"));
    let mut said: Vec<_> = above.filter_map(|line| line.strip_prefix("/// ")).collect();
    said.reverse();
    (!said.is_empty()).then(|| said.join(" "))
}

/// A field as it is drawn.
#[derive(Debug, PartialEq, Eq)]
struct Drawn {
    name: String,
    type_name: String,
    offset: usize,
    size: usize,
}

/// The fields of a struct; in place of a struct in it that one's own fields.
fn drawn(layout: &Layout) -> Vec<Drawn> {
    let mut all = Vec::new();
    for field in layout.fields {
        match field.kind {
            FieldKind::Struct(inner) => {
                all.extend(drawn(inner).into_iter().map(|of_inner| Drawn {
                    name: format!("{}.{}", field.name, of_inner.name),
                    offset: field.offset + of_inner.offset,
                    ..of_inner
                }))
            }
            _ => all.push(Drawn {
                name: field.name.into(),
                type_name: field.type_name(),
                offset: field.offset,
                size: field.size,
            }),
        }
    }
    all
}

/// A box for each field, as wide as it has bytes, in rows of eight.
fn ruler(layout: &Layout) -> String {
    let class = Section::of_struct(layout.name).class();
    let mut html = format!("<ol class=\"ruler {class}\" aria-label=\"{}\">\n", layout.name);
    for Drawn { name, type_name, offset, size } in drawn(layout) {
        // A long name may go on in the next line.
        let name = escaped(&name).replace('_', "_<wbr>").replace('.', ".<wbr>");
        let (columns, rows) = (size.min(ROW), size.div_ceil(ROW));
        let _ = writeln!(
            html,
            "<li style=\"grid-area: auto / auto / span {rows} / span {columns}\"><b>{name}</b> \
             <span>{type_name}</span> <span>at {offset}</span></li>"
        );
    }
    let _ = writeln!(html, "</ol>\n<p class=\"ruler-size\">{} bytes</p>", layout.size);
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps;

    fn page() -> String {
        structs(&steps::workspace_root(), "").unwrap_or_else(|problem| panic!("{problem:?}"))
    }

    /// The numbers behind `mark`, one for each box.
    fn numbers(html: &str, mark: &str) -> Vec<usize> {
        let number = |text: &str| text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
        html.split(mark).skip(1).map(|text| number(text).unwrap()).collect()
    }

    #[test]
    fn the_boxes_of_each_struct_fill_it() {
        for layout in abi::ALL {
            let html = ruler(layout);
            let rows = numbers(&html, "auto / span ");
            let columns = numbers(&html, " / span ").into_iter().skip(1).step_by(2);
            let sizes: Vec<_> =
                rows.iter().zip(columns).map(|(rows, columns)| rows * columns).collect();
            let mut at = 0;
            for (offset, size) in numbers(&html, "<span>at ").into_iter().zip(&sizes) {
                assert_eq!(offset, at, "{}: a gap or an overlap", layout.name);
                // What the browser would move to the next row.
                assert!(at % ROW + size <= ROW || at % ROW == 0, "{}: byte {at}", layout.name);
                at += size;
            }
            assert_eq!(at, layout.size, "{}", layout.name);
            assert_eq!(sizes.iter().sum::<usize>(), layout.size, "{}", layout.name);
        }
    }

    #[test]
    fn each_struct_is_there_with_its_comment_and_its_users() {
        let page = page();
        assert_eq!(page.matches("<ol class=\"ruler").count(), abi::ALL.len());
        for expected in [
            "## fuse_in_header\n\nThe head of every request. 40 bytes, since the start.\n\nIn every request.\n",
            "## fuse_read_in\n\nREAD and READDIR. 40 bytes, last changed by 7.9.\n\nIn the request READ, READDIR.\n",
            "## fuse_bmap_out\n\nAnswer to BMAP. 8 bytes, since 7.8.\n\nIn the reply to BMAP.\n",
        ] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        assert!(page.contains("<b>lk.<wbr>start</b> <span>u64</span> <span>at 16</span>"));
    }
}
