//! What a part of a message is for: the colour code of the whole book (`book/theme/colours.css`).

use step02_wire::fields::Row;

/// Header, arguments, payload; and what 7.14 does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// `fuse_in_header` or `fuse_out_header`.
    Header,
    /// The structs and names of the operation.
    Arguments,
    /// What a program reads or writes: data, entries of a directory, values.
    Payload,
    /// Bytes that a later version of the protocol added.
    Newer,
}

impl Section {
    /// All, in the order in which a message has them.
    pub const ALL: [Section; 4] =
        [Section::Header, Section::Arguments, Section::Payload, Section::Newer];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Section::Header => "header",
            Section::Arguments => "arguments",
            Section::Payload => "payload",
            Section::Newer => "newer than 7.14",
        }
    }

    /// Where a struct belongs.
    pub fn of_struct(name: &str) -> Section {
        match name {
            "fuse_in_header" | "fuse_out_header" => Section::Header,
            "fuse_dirent" => Section::Payload,
            _ => Section::Arguments,
        }
    }

    /// The class that gives it its colour and its line.
    pub fn class(self) -> &'static str {
        match self {
            Section::Header => "fuse-header",
            Section::Arguments => "fuse-arguments",
            Section::Payload => "fuse-payload",
            Section::Newer => "fuse-newer",
        }
    }
}

/// The section of each row.
pub fn sections(rows: &[Row]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::with_capacity(rows.len());
    for row in rows {
        sections.push(match row.part {
            // Of an opcode that 7.14 does not know we know no more than its number.
            "more" | "body" => Section::Newer,
            "data" | "value" | "names" | "text" => Section::Payload,
            // The path that READLINK answers is what was read; SYMLINK's is an argument.
            "target" if sections.last() == Some(&Section::Header) && answers(rows) => {
                Section::Payload
            }
            // The name of an entry of a directory, and the zeros behind it, belong to the entry.
            "name" | "zeros" if sections.last() == Some(&Section::Payload) => Section::Payload,
            part => Section::of_struct(part),
        });
    }
    sections
}

fn answers(rows: &[Row]) -> bool {
    rows.first().is_some_and(|row| row.part == "fuse_out_header")
}
