//! The fields of a message as a table.

use std::fmt::Write;

use step02_wire::fields::Row;

use super::count;
use super::cut::Cut;
use super::section::Section;
use crate::book::html::escaped;

/// The table: a group of rows for each struct, under its name; names and data stand alone.
pub fn fields(rows: &[Row], sections: &[Section], cut: &Cut) -> String {
    let mut html = String::from(
        "<table class=\"message-fields\"><caption>The fields</caption>\n\
         <thead><tr><th scope=\"col\">offset</th><th scope=\"col\">size</th><th scope=\"col\">type</th>\
         <th scope=\"col\">name</th><th scope=\"col\">value</th>\
         <th scope=\"col\" class=\"meaning\">meaning</th></tr></thead>\n",
    );
    let hidden = rows.iter().filter(|row| cut.hides(row)).count();
    let first_hidden = rows.iter().position(|row| cut.hides(row));
    let mut open = false;
    for (index, (row, section)) in rows.iter().zip(sections).enumerate() {
        if cut.hides(row) {
            if first_hidden == Some(index) {
                close(&mut html, &mut open);
                let _ = writeln!(
                    html,
                    "<tbody><tr class=\"message-left-out\"><td colspan=\"6\">{} left out</td></tr></tbody>",
                    count(hidden, "field")
                );
            }
            continue;
        }
        if begins_a_part(rows, index) || !open {
            close(&mut html, &mut open);
            open = true;
            let _ = write!(html, "<tbody class=\"{}\">", section.class());
            if !row.field.is_empty() {
                let (part, section) = (row.part, section.name());
                let _ = writeln!(
                    html,
                    "<tr class=\"message-part\"><th colspan=\"6\" scope=\"rowgroup\">{part} <span>{section}</span></th></tr>"
                );
            }
        }
        push(&mut html, index, row);
    }
    close(&mut html, &mut open);
    html + "</table>\n"
}

/// Does a struct start with this row? Two of a kind may follow each other.
fn begins_a_part(rows: &[Row], index: usize) -> bool {
    let row = &rows[index];
    index == 0 || row.field.is_empty() || rows[index - 1].part != row.part
}

fn close(html: &mut String, open: &mut bool) {
    if std::mem::take(open) {
        html.push_str("</tbody>\n");
    }
}

fn push(html: &mut String, index: usize, row: &Row) {
    let Row { offset, bytes, type_name, value, meaning, .. } = row;
    // Names and data have no field's name; what they are stands in its place.
    let (name, class) = match row.field.as_str() {
        "" => (row.part, " class=\"unnamed\""),
        field => (field, ""),
    };
    // A name of flags may go on in the next line.
    let meaning = escaped(meaning).replace('\n', "<br>").replace('|', "|<wbr>");
    let _ = writeln!(
        html,
        "<tr data-field=\"{index}\"><td>{offset}</td><td>{size}</td><td>{type_name}</td>\
         <th scope=\"row\"{class}>{name}</th><td class=\"value\">{value}</td>\
         <td class=\"meaning\">{meaning}</td></tr>",
        size = bytes.len(),
        value = escaped(value),
    );
}
