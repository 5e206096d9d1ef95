//! The fields of an answer, with the wrong one marked.

use std::fmt::Write;
use std::ops::Range;

use step02_wire::abi::WireStruct;
use step02_wire::fields::{self, Row};
use step02_wire::{OutHeader, Question};

/// So many bytes stand in a line.
const IN_A_LINE: usize = 16;
/// So many characters of a value.
const VALUE: usize = 40;
/// So many fields of the body are shown before the wrong one.
const BEFORE: usize = 2;

/// The header, and the fields around the bytes `wrong`, each with its offset, bytes, name and value; below the
/// wrong bytes a mark, and what is wrong.
pub fn marked(
    question: Option<Question>,
    message: &[u8],
    wrong: Option<Range<usize>>,
    says: &str,
) -> String {
    let mut told = String::new();
    let Some(wrong) = wrong else {
        let _ = writeln!(told, "        {says}");
        return told;
    };
    let rows = rows(question, message);
    let is_wrong = |row: &Row| {
        let end = row.offset + row.bytes.len();
        row.offset < wrong.end && wrong.start < end
    };
    let first = rows.iter().position(is_wrong);
    let mut said = false;
    for (place, row) in rows.iter().enumerate() {
        let near =
            first.is_some_and(|first| (first.saturating_sub(BEFORE)..=first).contains(&place));
        if row.offset >= OutHeader::SIZE && !near {
            continue;
        }
        // Of a long row only what is around the wrong bytes.
        let skipped = match is_wrong(row) {
            true => wrong.start.saturating_sub(row.offset) / IN_A_LINE * IN_A_LINE,
            false => 0,
        };
        let offset = row.offset + skipped;
        let bytes = &row.bytes[skipped..];
        let shown = &bytes[..bytes.len().min(IN_A_LINE)];
        let digits: String = shown.iter().map(|byte| format!("{byte:02x} ")).collect();
        let more = if bytes.len() > shown.len() { "…" } else { "" };
        let name = if row.field.is_empty() { row.part } else { &row.field };
        let value: String = row.value.chars().take(VALUE).collect();
        let line = format!("        {offset:>5}  {:<26}  {name:<10} {value}", digits + more);
        let _ = writeln!(told, "{}", line.trim_end());
        if Some(place) == first {
            let from = wrong.start.saturating_sub(offset);
            let to = (wrong.end - offset).min(shown.len()).max(from + 1);
            let indent = 8 + 5 + 2 + 3 * from;
            let mark = "^".repeat(3 * (to - from) - 1);
            let _ = writeln!(told, "{:indent$}{mark} {says}", "");
            said = true;
        }
    }
    if !said {
        let _ = writeln!(told, "        {:>5}  {says}", wrong.start);
    }
    told
}

/// The rows of the answer's table. An answer to nothing has those of a header, and bytes.
fn rows(question: Option<Question>, message: &[u8]) -> Vec<Row> {
    let header = |row: &Row| row.offset < OutHeader::SIZE;
    // Of an opcode that there is not, the body is bytes.
    let nothing = Question { opcode: u32::MAX, size_only: false };
    let table = fields::reply(question.unwrap_or(nothing), message);
    // The decoder stops at a wrong len. That the rest can be read all the same shows when len is mended.
    if table.fault.is_some()
        && table.rows.iter().filter(|row| !header(row)).all(|row| row.part == "not read")
    {
        let mut mended = message.to_owned();
        if let Some(len) = mended.first_chunk_mut::<4>() {
            *len = (message.len() as u32).to_ne_bytes();
        }
        let rest = fields::reply(question.unwrap_or(nothing), &mended).rows;
        let (head, _): (Vec<_>, Vec<_>) = table.rows.into_iter().partition(header);
        return head.into_iter().chain(rest.into_iter().filter(|row| !header(row))).collect();
    }
    table.rows
}
