//! How numbers read: modes, errors, times, the flags of open(2), quoted bytes.

use nix::errno::Errno;
use nix::libc;
use std::fmt::Write;

/// Type and permissions as `ls -l` writes them: `-rw-r--r--`.
pub fn mode_as_ls(mode: u32) -> String {
    let kind = match mode & libc::S_IFMT {
        libc::S_IFREG => '-',
        libc::S_IFDIR => 'd',
        libc::S_IFLNK => 'l',
        libc::S_IFIFO => 'p',
        libc::S_IFSOCK => 's',
        libc::S_IFCHR => 'c',
        libc::S_IFBLK => 'b',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letters) in
        [(6, libc::S_ISUID, "sS"), (3, libc::S_ISGID, "sS"), (0, libc::S_ISVTX, "tT")]
    {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push_str(match (mode & special != 0, bits & 1 != 0) {
            (false, true) => "x",
            (false, false) => "-",
            (true, true) => &letters[..1],
            (true, false) => &letters[1..],
        });
    }
    text
}

/// An errno by its name: `ENOENT (No such file or directory)`.
pub fn errno(number: i32) -> String {
    match Errno::from_raw(number) {
        Errno::UnknownErrno => format!("{number} (no such error)"),
        errno => format!("{errno:?} ({})", errno.desc()),
    }
}

/// Seconds and nanoseconds: `1s`, `0.5s`; the longest is `for ever`.
pub fn duration(seconds: u64, nanoseconds: u32) -> String {
    match (seconds, nanoseconds) {
        (u64::MAX, _) => "for ever".to_string(),
        (_, 0) => format!("{seconds}s"),
        _ => format!("{}s", decimal(seconds, nanoseconds)),
    }
}

/// A point in time, in seconds since 1970.
pub fn instant(seconds: u64, nanoseconds: u32) -> String {
    match nanoseconds {
        0 => format!("{}", seconds as i64),
        _ => decimal(seconds, nanoseconds),
    }
}

fn decimal(seconds: u64, nanoseconds: u32) -> String {
    let fraction = format!("{nanoseconds:09}");
    format!("{}.{}", seconds as i64, fraction.trim_end_matches('0'))
}

/// Large files are the rule on 64-bit machines, so libc has 0 for it; the kernel sets its own bit.
const O_LARGEFILE: i32 =
    if cfg!(any(target_arch = "aarch64", target_arch = "arm", target_arch = "powerpc64")) {
        0o400000
    } else {
        0o100000
    };

const OPEN_FLAGS: &[(&str, i32)] = &[
    ("O_CREAT", libc::O_CREAT),
    ("O_EXCL", libc::O_EXCL),
    ("O_TRUNC", libc::O_TRUNC),
    ("O_APPEND", libc::O_APPEND),
    ("O_NONBLOCK", libc::O_NONBLOCK),
    ("O_SYNC", libc::O_SYNC),
    ("O_DSYNC", libc::O_DSYNC),
    ("O_DIRECT", libc::O_DIRECT),
    ("O_TMPFILE", libc::O_TMPFILE),
    ("O_DIRECTORY", libc::O_DIRECTORY),
    ("O_NOFOLLOW", libc::O_NOFOLLOW),
    ("O_NOATIME", libc::O_NOATIME),
    ("O_CLOEXEC", libc::O_CLOEXEC),
    ("O_LARGEFILE", O_LARGEFILE),
];

/// The flags of open(2): `O_RDWR|O_APPEND`. Bits without a name stay a number.
pub fn open_flags(flags: u32) -> String {
    let access = ["O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"];
    let mut text = access[(flags & 3) as usize].to_string();
    let mut nameless = flags & !3;
    for &(name, bits) in OPEN_FLAGS {
        let bits = bits as u32;
        if nameless & bits == bits {
            nameless &= !bits;
            let _ = write!(text, "|{name}");
        }
    }
    if nameless != 0 {
        let _ = write!(text, "|{nameless:#x}");
    }
    text
}

/// What access(2) wants to know: `R_OK|W_OK`.
pub fn access_mask(mask: u32) -> String {
    let names: Vec<_> = [(4, "R_OK"), (2, "W_OK"), (1, "X_OK")]
        .into_iter()
        .filter(|(bit, _)| mask & bit != 0)
        .map(|(_, name)| name)
        .collect();
    match (mask, names.join("|")) {
        (0, _) => "F_OK".to_string(),
        (0..8, names) => names,
        _ => format!("{mask:#x}"),
    }
}

/// The type of a lock.
pub fn lock_type(number: u32) -> String {
    match number as i32 {
        libc::F_RDLCK => "F_RDLCK".to_string(),
        libc::F_WRLCK => "F_WRLCK".to_string(),
        libc::F_UNLCK => "F_UNLCK".to_string(),
        _ => format!("lock type {number}"),
    }
}

/// The type of a directory's entry.
pub fn entry_type(number: u32) -> String {
    let names = [
        (1, "DT_FIFO"),
        (2, "DT_CHR"),
        (4, "DT_DIR"),
        (6, "DT_BLK"),
        (8, "DT_REG"),
        (10, "DT_LNK"),
        (12, "DT_SOCK"),
    ];
    match names.into_iter().find(|&(kind, _)| kind == number) {
        Some((_, name)) => name.to_string(),
        None => String::new(),
    }
}

/// Bytes in quotes, escaped, at most so many of them. Text stays text; a character that the limit
/// cuts is left out.
pub fn quoted(bytes: &[u8], limit: usize) -> String {
    let shown = &bytes[..bytes.len().min(limit)];
    let mut text = String::new();
    for chunk in shown.utf8_chunks() {
        chunk.valid().chars().for_each(|letter| escape(letter, &mut text));
        if shown.len() == bytes.len() || !ends_with(shown, chunk.invalid()) {
            let _ = write!(text, "{}", chunk.invalid().escape_ascii());
        }
    }
    let cut = if shown.len() < bytes.len() { "…" } else { "" };
    format!("\"{text}\"{cut}")
}

fn escape(letter: char, text: &mut String) {
    let _ = match letter {
        '\0' => write!(text, "\\0"),
        '\'' => write!(text, "'"),
        '\n' | '\r' | '\t' | '"' | '\\' | ' '..='~' => write!(text, "{}", letter.escape_debug()),
        '\x01'..='\x7f' => write!(text, "\\x{:02x}", letter as u32),
        _ => write!(text, "{}", letter.escape_debug()),
    };
}

/// Is `chunk`, which lies in `bytes`, their end?
fn ends_with(bytes: &[u8], chunk: &[u8]) -> bool {
    bytes.as_ptr_range().end == chunk.as_ptr_range().end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_read_as_in_ls() {
        assert_eq!(mode_as_ls(0o100644), "-rw-r--r--");
        assert_eq!(mode_as_ls(0o41777), "drwxrwxrwt");
        assert_eq!(mode_as_ls(0o41776), "drwxrwxrwT");
        assert_eq!(mode_as_ls(0o106755), "-rwsr-sr-x");
        assert_eq!(mode_as_ls(0o104644), "-rwSr--r--");
        assert_eq!(mode_as_ls(0), "?---------");
    }

    #[test]
    fn bytes_are_quoted_escaped_and_cut() {
        assert_eq!(quoted(b"Hello, world!\n", 32), r#""Hello, world!\n""#);
        assert_eq!(quoted(b"0123456789", 4), r#""0123"…"#);
        assert_eq!(quoted(b"\x00\xff\x0e\"don't", 32), r#""\0\xff\x0e\"don't""#);
        assert_eq!(quoted("übel".as_bytes(), 32), r#""übel""#);
        assert_eq!(quoted("aü".as_bytes(), 2), r#""a"…"#, "half a character is left out");
    }

    #[test]
    fn open_flags_have_their_names() {
        assert_eq!(open_flags(0), "O_RDONLY");
        assert_eq!(open_flags((libc::O_RDWR | libc::O_APPEND) as u32), "O_RDWR|O_APPEND");
        assert_eq!(open_flags(libc::O_SYNC as u32), "O_RDONLY|O_SYNC", "O_SYNC includes O_DSYNC");
        assert_eq!(open_flags(1 << 31), "O_RDONLY|0x80000000");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(duration(1, 0), "1s");
        assert_eq!(duration(0, 500_000_000), "0.5s");
        assert_eq!(duration(u64::MAX, 0), "for ever");
        assert_eq!(instant(-1_i64 as u64, 0), "-1");
    }

    #[test]
    fn errors_have_name_and_meaning() {
        assert_eq!(errno(2), "ENOENT (No such file or directory)");
        assert_eq!(errno(511), "511 (no such error)");
    }
}
