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
const SOURCES: [(&str, &str); 3] = [
    ("The session", "steps/02-wire/src/abi/session.rs"),
    ("Nodes", "steps/02-wire/src/abi/node.rs"),
    ("Open files", "steps/02-wire/src/abi/file.rs"),
];
/// Bytes in a row of a ruler.
const ROW: usize = 8;

/// Every struct, as markdown: links, then what each is for, who uses it, and its ruler.
pub fn structs(root: &Path) -> Result<String, Problem> {
    let (mut links, mut page) = (String::new(), String::new());
    let mut found = 0;
    for (title, file) in SOURCES {
        let source = fs::read_to_string(root.join(file)).map_err(|error| {
            Problem::new(format!("cannot read {file}: {error}"), "Name it in structs.rs.")
        })?;
        let here: Vec<_> = abi::ALL
            .iter()
            .filter_map(|layout| Some((layout, said_of(&source, layout.name)?)))
            .collect();
        let to = here.iter().map(|(Layout { name, .. }, _)| format!("[{name}](#{name})"));
        let _ = writeln!(links, "- **{title}:** {}", to.collect::<Vec<_>>().join(", "));
        let _ = write!(page, "\n## {title}\n");
        for (layout, said) in &here {
            let (name, users) = (layout.name, users::sentences(layout.name));
            let _ = write!(page, "\n### {name}\n\n{said} {users}\n\n{}", ruler(layout));
        }
        found += here.len();
    }
    match abi::ALL.len() - found {
        0 => Ok(links + &page),
        missing => Err(Problem::new(
            format!("of {missing} struct(s) nothing is said in the sources"),
            "Give each a doc comment, and name each file in structs.rs.",
        )),
    }
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
             <span>{type_name}</span> <span class=\"at\">at {offset}</span></li>"
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
        structs(&steps::workspace_root()).unwrap_or_else(|problem| panic!("{problem:?}"))
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
            for (offset, size) in numbers(&html, ">at ").into_iter().zip(&sizes) {
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
            "### fuse_in_header\n\nThe head of every request. 40 bytes, since the start. In every request.\n",
            "### fuse_bmap_out\n\nAnswer to BMAP. 8 bytes, since 7.8. In the reply to [BMAP](messages.md#bmap).\n",
            "### fuse_attr\n\nThe attributes of a node, as in `struct stat`. 88 bytes, last changed by 7.9. \
             In the struct [fuse_entry_out](#fuse_entry_out), [fuse_attr_out](#fuse_attr_out).\n",
            "**Open files:** [fuse_open_in](#fuse_open_in), ",
        ] {
            assert!(page.contains(expected), "{expected}\n{page}");
        }
        assert!(
            page.contains("<b>lk.<wbr>start</b> <span>u64</span> <span class=\"at\">at 16</span>")
        );
    }
}
