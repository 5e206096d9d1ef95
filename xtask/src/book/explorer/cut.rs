//! What is left out of a long message.

use std::ops::Range;

use step02_wire::fields::Row;

use super::section::Section;

/// Bytes in a row of the grid.
pub const ROW: usize = 16;
/// What follows the arguments is shown whole up to here.
const WHOLE: usize = 256;
/// So much of it is shown at either end.
const END: usize = 3 * ROW;

/// Whole rows of the grid, from the middle of the payload. Empty: nothing is left out.
pub struct Cut(Range<usize>);

impl Cut {
    /// What to leave out of the message that has these rows.
    pub fn of(rows: &[Row], sections: &[Section]) -> Cut {
        let long = |section: &Section| matches!(section, Section::Payload | Section::Newer);
        let Some(first) = sections.iter().position(long) else { return Cut(0..0) };
        let start = rows[first].offset;
        let end = rows.last().map_or(start, |row| row.offset + row.bytes.len());
        if end - start <= WHOLE {
            return Cut(0..0);
        }
        Cut((start + END).next_multiple_of(ROW)..(end - END) / ROW * ROW)
    }

    /// The bytes that are left out.
    pub fn bytes(&self) -> Range<usize> {
        self.0.clone()
    }

    /// Is nothing of this row shown in the grid?
    pub fn hides(&self, row: &Row) -> bool {
        !row.bytes.is_empty()
            && self.0.start <= row.offset
            && row.offset + row.bytes.len() <= self.0.end
    }
}
