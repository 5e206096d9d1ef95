//! The bytes of a message as a hexdump.

use std::fmt::Write;

use step02_wire::fields::Row;

use super::count;
use super::cut::{Cut, ROW};
use super::section::Section;

/// The grid: 16 bytes in a row with their offset before them. Each row has a second offset in its
/// middle, for screens where eight are in a row.
pub fn grid(bytes: &[u8], rows: &[Row], sections: &[Section], cut: &Cut) -> String {
    let mut html = String::from(
        "<table class=\"message-bytes\"><caption>The bytes, in hexadecimal</caption><tbody>\n",
    );
    // The row of the table that has the byte: they follow each other without gaps.
    let mut field = 0;
    for start in (0..bytes.len()).step_by(ROW) {
        if cut.bytes().contains(&start) {
            if start == cut.bytes().start {
                let left_out = count(cut.bytes().len(), "byte");
                let _ = writeln!(
                    html,
                    "<tr class=\"message-left-out\"><td colspan=\"18\">{left_out} left out</td></tr>"
                );
            }
            continue;
        }
        html += "<tr>";
        for (at, byte) in bytes.iter().enumerate().skip(start).take(ROW) {
            if at % (ROW / 2) == 0 {
                let half = if at % ROW == 0 { "" } else { " class=\"half\"" };
                let _ = write!(html, "<th scope=\"row\"{half}>{at}</th>");
            }
            while rows.get(field).is_some_and(|row| row.offset + row.bytes.len() <= at) {
                field += 1;
            }
            // A fault may leave bytes without a row.
            match rows.get(field).filter(|row| row.offset <= at) {
                Some(row) => {
                    let class = sections[field].class();
                    let first = if row.offset == at { " first" } else { "" };
                    let _ = write!(
                        html,
                        "<td class=\"{class}{first}\" data-field=\"{field}\">{byte:02x}</td>"
                    );
                }
                None => {
                    let _ = write!(html, "<td>{byte:02x}</td>");
                }
            }
        }
        html += "</tr>\n";
    }
    html + "</tbody></table>\n"
}
