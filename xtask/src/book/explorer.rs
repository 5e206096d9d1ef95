//! A message as bytes and as fields, side by side: what `{{#message}}` shows, and what a
//! conversation opens.
//!
//! The fields are the decoder's own table. Without JavaScript they are two tables; with it
//! (`book/theme/explorer.js`) a byte lights its field, and a field its bytes.

mod bytes;
mod cut;
mod rows;
mod section;

use step02_wire::fields::Table;

use crate::book::html::escaped;
use cut::Cut;
pub use section::Section;
use section::sections;

/// A message and what the decoder says of it.
pub struct Message<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// Its fields: from [`step02_wire::fields`].
    pub table: Table,
}

/// The message as HTML: one block without an empty line and without ids.
pub fn explorer(message: &Message<'_>) -> String {
    let Message { bytes, table } = message;
    let sections = sections(&table.rows);
    let cut = Cut::of(&table.rows, &sections);
    let fault = match &table.fault {
        Some(fault) => format!("<p class=\"message-fault\">{}</p>\n", escaped(fault)),
        None => String::new(),
    };
    format!(
        "<div class=\"message\">\n{legend}{fault}<div class=\"message-sides\">\n\
         <div class=\"message-left\">\n{grid}\
         <p class=\"message-says\" aria-live=\"polite\">{HINT}</p>\n</div>\n\
         {fields}</div>\n</div>\n",
        legend = legend(message, &sections),
        grid = bytes::grid(bytes, &table.rows, &sections, &cut),
        fields = rows::fields(&table.rows, &sections, &cut),
    )
}

/// What the line says that tells a field in words, as long as there is none to tell.
const HINT: &str = "Point at a byte or a field, or go there with Tab and the arrow keys.";

/// How many bytes each section has, in the colours that the sections have everywhere in the book.
fn legend(message: &Message<'_>, sections: &[Section]) -> String {
    let mut html = format!(
        "<ul class=\"message-legend\"><li class=\"message-size\">{}</li>",
        count(message.bytes.len(), "byte")
    );
    for section in Section::ALL {
        let rows = message.table.rows.iter().zip(sections);
        let size: usize =
            rows.filter(|(_, of)| **of == section).map(|(row, _)| row.bytes.len()).sum();
        if size > 0 {
            let (class, name, size) = (section.class(), section.name(), grouped(size));
            html += &format!("<li><span class=\"{class}\">{name}</span> {size}</li>");
        }
    }
    html + "</ul>\n"
}

/// `1 byte`, `2 bytes`, `3,936 bytes`.
fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(number))
}

/// `3,936`.
fn grouped(number: usize) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

#[cfg(test)]
mod tests;
