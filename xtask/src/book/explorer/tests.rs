//! The HTML, read back, says what the decoder says.

use step02_wire::fields::Row;

use super::*;
use crate::book::recording::{self, Recording};
use crate::steps;

/// A piece of HTML: a tag with its attributes, and the text up to the next tag.
struct Piece<'a> {
    tag: &'a str,
    attributes: &'a str,
    text: String,
}

impl Piece<'_> {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.split_once(&format!("{name}=\""))?.1.split('"').next()
    }
}

fn pieces(html: &str) -> Vec<Piece<'_>> {
    let piece = |piece| {
        let (tag, text): (&str, &str) = str::split_once(piece, '>').expect("a tag ends");
        let (tag, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
        Piece { tag, attributes, text: text.replace("&amp;", "&") }
    };
    html.split('<').skip(1).map(piece).collect()
}

/// A byte of the grid: its offset, its value, the number of its field.
type Cell = (usize, u8, Option<usize>);

fn cells(html: &str) -> Vec<Cell> {
    let grid = html.split_once("<table class=\"message-bytes\">").unwrap().1;
    let mut at = 0;
    let mut cells = Vec::new();
    for piece in pieces(grid.split_once("</table>").unwrap().0) {
        match piece.tag {
            "th" => at = piece.text.parse().unwrap(),
            "td" if !piece.attributes.starts_with("colspan") => {
                let field = piece.attribute("data-field").map(|field| field.parse().unwrap());
                cells.push((at, u8::from_str_radix(&piece.text, 16).unwrap(), field));
                at += 1;
            }
            _ => {}
        }
    }
    cells
}

/// A row of the table of fields: its number, its part, its columns.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shown {
    number: usize,
    part: String,
    field: String,
    columns: [String; 3],
    value: String,
    meaning: String,
}

fn shown(html: &str) -> Vec<Shown> {
    let table = html.split_once("<table class=\"message-fields\">").unwrap().1;
    let mut part = String::new();
    let mut rows: Vec<Shown> = Vec::new();
    let mut column = 0;
    let mut in_meaning = false;
    for piece in pieces(table.split_once("</table>").unwrap().0) {
        let row = rows.last_mut();
        match (piece.tag, piece.attribute("class")) {
            ("th", _) if piece.attribute("scope") == Some("rowgroup") => {
                part = piece.text.trim().into();
            }
            ("tr", _) if piece.attribute("data-field").is_some() => {
                let number = piece.attribute("data-field").unwrap().parse().unwrap();
                rows.push(Shown { number, part: part.clone(), ..Shown::default() });
                column = 0;
            }
            ("th", Some("unnamed")) => row.unwrap().part = piece.text,
            ("th", None) if piece.attribute("scope") == Some("row") => {
                row.unwrap().field = piece.text;
            }
            ("td", Some("value")) => row.unwrap().value = piece.text,
            ("td", Some("meaning")) => {
                row.unwrap().meaning = piece.text;
                in_meaning = true;
            }
            ("td", None) if !piece.attributes.starts_with("colspan") => {
                row.unwrap().columns[column] = piece.text;
                column += 1;
            }
            ("br", _) if in_meaning => row.unwrap().meaning += &format!("\n{}", piece.text),
            ("wbr", _) if in_meaning => row.unwrap().meaning += &piece.text,
            ("/td", _) => in_meaning = false,
            _ => {}
        }
    }
    rows
}

fn recordings() -> Vec<Recording> {
    recording::all(&steps::workspace_root()).unwrap_or_else(|problem| panic!("{problem:?}"))
}

/// Each message of each recording, with a name for it and its HTML.
fn messages() -> impl Iterator<Item = (String, Vec<u8>, Table, String)> {
    recordings().into_iter().flat_map(|recording| {
        let each = |(n, message): (usize, &recording::Recorded)| {
            let table = recording.table(message);
            let html = explorer(&Message { bytes: &message.bytes, table: table.clone() });
            (format!("{} {}", recording.name, n + 1), message.bytes.clone(), table, html)
        };
        recording.messages.iter().enumerate().map(each).collect::<Vec<_>>()
    })
}

fn expected(number: usize, row: &Row) -> Shown {
    Shown {
        number,
        part: row.part.into(),
        field: row.field.clone(),
        columns: [row.offset.to_string(), row.bytes.len().to_string(), row.type_name.clone()],
        value: row.value.clone(),
        meaning: row.meaning.clone(),
    }
}

#[test]
fn the_fields_of_each_recorded_message_are_the_decoders() {
    let mut seen = 0;
    for (name, _, table, html) in messages() {
        let expected: Vec<_> =
            table.rows.iter().enumerate().map(|(n, row)| expected(n, row)).collect();
        assert_eq!(shown(&html), expected, "{name}");
        seen += 1;
    }
    // 65 files: 62 requests and an INTERRUPT, 61 replies, 3 notifications.
    assert_eq!(recordings().len(), 65);
    assert_eq!(seen, 63 + 61 + 3);
}

#[test]
fn the_bytes_of_each_recorded_message_are_all_there_and_of_their_fields() {
    for (name, bytes, table, html) in messages() {
        let cells = cells(&html);
        // In the grid each field has the bytes that it has in the decoder's table.
        for (n, row) in table.rows.iter().enumerate() {
            let of_field: Vec<u8> =
                cells.iter().filter(|cell| cell.2 == Some(n)).map(|cell| cell.1).collect();
            if html.contains("left out") && row.part == "data" {
                assert!(of_field.len() < row.bytes.len(), "{name}");
            } else {
                assert_eq!(of_field, row.bytes, "{name}: {}{}", row.part, row.field);
            }
        }
        if !html.contains("left out") {
            let all: Vec<_> = cells.iter().map(|cell| (cell.0, cell.1)).collect();
            assert_eq!(all, bytes.into_iter().enumerate().collect::<Vec<_>>(), "{name}");
        }
    }
}

#[test]
fn of_a_long_message_both_ends_are_shown_and_what_lies_between_is_counted() {
    let long: Vec<_> = messages().filter(|(.., html)| html.contains("left out")).collect();
    let [(name, bytes, _, html)] = &long[..] else { panic!("{} are long", long.len()) };
    assert_eq!(name, "write-cached 1");
    let cells = cells(html);
    for (at, byte, _) in &cells {
        assert_eq!(*byte, bytes[*at], "byte {at}");
    }
    let offsets: Vec<usize> = cells.iter().map(|cell| cell.0).collect();
    assert_eq!(offsets, (0..128).chain(bytes.len() - 48..bytes.len()).collect::<Vec<_>>());
    let left_out = bytes.len() - cells.len();
    assert_eq!(left_out, 4000);
    assert!(html.contains(">4,000 bytes left out<"), "{html}");
}

/// A listing with more entries than anybody looks at.
#[test]
fn of_a_long_listing_the_fields_in_the_middle_are_left_out_too() {
    let listing = recordings().into_iter().find(|recording| recording.name == "readdir").unwrap();
    let mut reply = listing.messages[1].clone();
    let entry = reply.bytes[16..48].to_vec();
    (0..50).for_each(|_| reply.bytes.extend(&entry));
    let len = reply.bytes.len() as u32;
    reply.bytes[..4].copy_from_slice(&len.to_ne_bytes());
    let table = listing.table(&reply);
    let html = explorer(&Message { bytes: &reply.bytes, table: table.clone() });
    let shown = shown(&html);
    assert!(shown.len() < 50, "{} rows", shown.len());
    for row in &shown {
        assert_eq!(*row, expected(row.number, &table.rows[row.number]));
    }
    let left_out = table.rows.len() - shown.len();
    assert!(html.contains(&format!(">{left_out} fields left out<")), "{html}");
    // Each byte of the grid has its field in the table.
    for (_, _, field) in cells(&html) {
        assert!(shown.iter().any(|row| Some(row.number) == field), "{field:?}");
    }
}

#[test]
fn each_section_has_its_colour() {
    let colours = |name: &str, n: usize| {
        let recording = recordings().into_iter().find(|r| r.name == name).unwrap();
        let rows = recording.table(&recording.messages[n]).rows;
        let mut sections = sections(&rows);
        sections.dedup();
        sections
    };
    use Section::*;
    assert_eq!(colours("init", 0), [Header, Arguments, Newer]);
    assert_eq!(colours("lookup", 0), [Header, Arguments]);
    assert_eq!(colours("write", 0), [Header, Arguments, Payload]);
    assert_eq!(colours("readdir", 1), [Header, Payload]);
    assert_eq!(colours("symlink", 0), [Header, Arguments]);
    assert_eq!(colours("readlink", 1), [Header, Payload]);
    assert_eq!(colours("setxattr", 0), [Header, Arguments, Payload]);
    assert_eq!(colours("notify-inval-entry", 0), [Header, Arguments]);
    assert_eq!(colours("unknown-statx", 0), [Header, Newer]);
    assert_eq!(colours("readdir-end", 1), [Header]);
}

#[test]
fn the_legend_counts_each_section() {
    let legends =
        messages().map(|(name, _, _, html)| (name, html.split("</ul>").next().unwrap().to_owned()));
    let legends: std::collections::HashMap<_, _> = legends.collect();
    for (name, expected) in [
        (
            "init 1",
            ["104 bytes", "header</span> 40", "arguments</span> 16", "newer than 7.14</span> 48"],
        ),
        (
            "write-cached 1",
            ["4,176 bytes", "header</span> 40", "arguments</span> 40", "payload</span> 4,096"],
        ),
    ] {
        for expected in expected {
            assert!(legends[name].contains(expected), "{expected}: {}", legends[name]);
        }
    }
    assert_eq!(
        [1, 999, 1000, 131_072].map(|n| count(n, "byte")).join(" "),
        "1 byte 999 bytes 1,000 bytes 131,072 bytes"
    );
}

/// A message that cannot be read is shown all the same.
#[test]
fn a_malformed_message_keeps_its_bytes() {
    let bytes = [10, 0, 0, 0, 1, 0, 0, 0, 2, 3];
    let html = explorer(&Message { bytes: &bytes, table: step02_wire::fields::request(&bytes) });
    assert!(html.contains("<p class=\"message-fault\">malformed at byte 0"), "{html}");
    assert_eq!(cells(&html).iter().map(|cell| cell.1).collect::<Vec<_>>(), bytes);
}
