//! Bytes, made pleasant to look at.

use std::fmt;

const BYTES_PER_LINE: usize = 16;

/// Prints bytes in a box: offset, sixteen bytes in hexadecimal, and the same as characters.
///
/// ```
/// use step01_device::Hexdump;
///
/// let text = Hexdump { bytes: b"FUSE by Hand\0\x0e", colour: false }.to_string();
/// assert_eq!(text, "\
/// ┌──────┬─────────────────────────┬─────────────────────────┬──────────────────┐
/// │ 0000 │ 46 55 53 45 20 62 79 20 ┊ 48 61 6e 64 00 0e       │ FUSE by Hand··   │
/// └──────┴─────────────────────────┴─────────────────────────┴──────────────────┘
/// ");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Hexdump<'a> {
    /// What to print.
    pub bytes: &'a [u8],
    /// Colours for a terminal: zeros grey, printable characters cyan, all else yellow.
    pub colour: bool,
}

impl fmt::Display for Hexdump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (offset, half, text) = ("─".repeat(6), "─".repeat(25), "─".repeat(18));
        writeln!(f, "┌{offset}┬{half}┬{half}┬{text}┐")?;
        for (number, line) in self.bytes.chunks(BYTES_PER_LINE).enumerate() {
            write!(f, "│ {:04x} │", number * BYTES_PER_LINE)?;
            for column in 0..BYTES_PER_LINE {
                match line.get(column) {
                    Some(byte) => write!(f, " {}", self.painted(*byte, &format!("{byte:02x}")))?,
                    None => write!(f, "   ")?,
                }
                if column == BYTES_PER_LINE / 2 - 1 {
                    write!(f, " ┊")?;
                }
            }
            write!(f, " │ ")?;
            for column in 0..BYTES_PER_LINE {
                match line.get(column) {
                    Some(byte) => write!(f, "{}", self.painted(*byte, &character(*byte)))?,
                    None => write!(f, " ")?,
                }
            }
            writeln!(f, " │")?;
        }
        writeln!(f, "└{offset}┴{half}┴{half}┴{text}┘")
    }
}

impl Hexdump<'_> {
    fn painted(&self, byte: u8, text: &str) -> String {
        let colour = match byte {
            _ if !self.colour => return text.to_owned(),
            0 => 90,
            b' '..=b'~' => 36,
            _ => 33,
        };
        format!("\x1b[{colour}m{text}\x1b[0m")
    }
}

fn character(byte: u8) -> String {
    match byte {
        b' '..=b'~' => char::from(byte).to_string(),
        _ => "·".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_line_starts_at_sixteen() {
        let text = Hexdump { bytes: &[0xff; 17], colour: false }.to_string();
        assert_eq!(
            text.lines().nth(2),
            Some("│ 0010 │ ff                      ┊                         │ ·                │")
        );
        let widths: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [79; 4]);
    }

    #[test]
    fn colours_only_when_asked_for() {
        let dump = |colour| Hexdump { bytes: b"\0A\x80", colour }.to_string();
        assert!(!dump(false).contains('\x1b'));
        for painted in ["\x1b[90m00\x1b[0m", "\x1b[36m41\x1b[0m", "\x1b[33m80\x1b[0m"] {
            assert!(dump(true).contains(painted), "{painted:?}");
        }
    }
}
