//! The recorded messages in `recorded/*.hex`.
//!
//! A line that starts with `#` is a comment. `→` starts a request, `←` a reply or a notification; the bytes follow.

use std::fs;
use std::path::Path;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Request,
    Reply,
}

pub struct Recording {
    pub name: String,
    pub messages: Vec<(Direction, Vec<u8>)>,
}

/// All of them, in order of name.
pub fn all() -> Vec<Recording> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorded");
    let mut recordings: Vec<_> = fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("an entry of the directory").path())
        .map(|path| Recording { name: name(&path), messages: read(&path) })
        .collect();
    recordings.sort_by(|a, b| a.name.cmp(&b.name));
    recordings
}

/// The one with this name.
#[allow(dead_code)] // not every test file uses it
pub fn named(name: &str) -> Recording {
    all()
        .into_iter()
        .find(|recording| recording.name == name)
        .unwrap_or_else(|| panic!("no recording {name}"))
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a file has a name").to_string_lossy().into_owned()
}

fn read(path: &Path) -> Vec<(Direction, Vec<u8>)> {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut messages = Vec::new();
    for line in
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        match line {
            "→" => messages.push((Direction::Request, Vec::new())),
            "←" => messages.push((Direction::Reply, Vec::new())),
            _ => {
                let (_, bytes) =
                    messages.last_mut().unwrap_or_else(|| panic!("{}: no arrow", path.display()));
                bytes.extend(line.split_whitespace().map(|byte| {
                    u8::from_str_radix(byte, 16)
                        .unwrap_or_else(|_| panic!("{}: {byte} is no byte", path.display()))
                }));
            }
        }
    }
    messages
}
