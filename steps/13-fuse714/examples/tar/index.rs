//! What is where in a tar archive (tar(5)): ustar, with the long names of GNU and of pax.
//!
//! An archive is a row of blocks of 512 bytes. An entry is a header, and behind it the content, filled up to
//! whole blocks. An entry of the types `L`, `K` and `x` is about the next one: it has what did not fit there.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;

const BLOCK: u64 = 512;
/// More than any name, or any pax header, takes. It is read into memory.
const LONGEST: u64 = 1 << 20;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// All nodes. The first is the root.
pub struct Index {
    pub nodes: Vec<Node>,
}

pub struct Node {
    pub kind: Kind,
    pub permissions: u32,
    pub uid: u32,
    pub gid: u32,
    pub mtime: u64,
}

pub enum Kind {
    /// Names, and where in the index their nodes are.
    Directory(BTreeMap<Vec<u8>, usize>),
    /// A range of the archive.
    File { start: u64, size: u64 },
    /// Where it points.
    Link(Vec<u8>),
}

/// What an entry said of the next.
#[derive(Default)]
struct Said {
    path: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Index {
    /// Reads all headers.
    pub fn of(file: &File) -> Result<Index> {
        let length = file.metadata()?.len();
        let mut index = Index { nodes: vec![directory()] };
        let mut said = Said::default();
        let mut at = 0;
        loop {
            let header = block(file, at, length)?;
            // Two blocks of zeros are the end, and one will do.
            if header == [0; BLOCK as usize] {
                return Ok(index);
            }
            let wrong = |what: String| format!("at byte {at}: {what}");
            check(&header).map_err(|e| wrong(e.to_string()))?;
            let entry_size = number(&header[124..136]).map_err(|e| wrong(e.to_string()))?;
            let size = said.size.unwrap_or(entry_size);
            let start = at + BLOCK;
            let end = start.checked_add(size).filter(|end| *end <= length);
            let end = end.ok_or_else(|| {
                wrong(format!(
                    "{size} bytes should follow, and the archive ends before: it was cut"
                ))
            })?;
            let kind = header[156];
            match kind {
                b'L' => said.path = Some(name(&content(file, start, size)?)),
                b'K' => said.target = Some(name(&content(file, start, size)?)),
                b'x' => said.take_pax(&content(file, start, size)?)?,
                // About all that follow, and nothing that matters here.
                b'g' => {}
                _ => {
                    let told = std::mem::take(&mut said);
                    index
                        .add(&header, kind, told, start, size)
                        .map_err(|e| wrong(e.to_string()))?;
                }
            }
            at = end.next_multiple_of(BLOCK);
        }
    }

    fn add(&mut self, header: &[u8], kind: u8, said: Said, start: u64, size: u64) -> Result<()> {
        let path = said.path.unwrap_or_else(|| path(header));
        let target = said.target.unwrap_or_else(|| name(&header[157..257]));
        let kind = match kind {
            b'0' | b'7' | 0 => Kind::File { start, size },
            b'5' => Kind::Directory(BTreeMap::new()),
            b'2' => Kind::Link(target),
            b'1' => {
                let node = self.find(&target)?;
                if matches!(self.nodes[node].kind, Kind::Directory(_)) {
                    return Err("a second name for a directory".into());
                }
                return self.put(&path, node);
            }
            b'S' => return Err("a sparse file, which this reader does not know".into()),
            // Devices and fifos.
            _ => return Ok(()),
        };
        let number = |range| number(&header[range]);
        let permissions = number(100..108)? as u32 & 0o7777;
        let (uid, gid) = (number(108..116)? as u32, number(116..124)? as u32);
        let node = Node { kind, permissions, uid, gid, mtime: number(136..148)? };
        // A directory may be there already, for what is in it, or be the root.
        if matches!(node.kind, Kind::Directory(_))
            && let Ok(there) = self.find(&path)
            && matches!(self.nodes[there].kind, Kind::Directory(_))
        {
            let Node { permissions, uid, gid, mtime, .. } = node;
            let kind = std::mem::replace(&mut self.nodes[there].kind, node.kind);
            self.nodes[there] = Node { kind, permissions, uid, gid, mtime };
            return Ok(());
        }
        self.nodes.push(node);
        self.put(&path, self.nodes.len() - 1)
    }

    /// Gives a node a name, and makes the directories that lead there.
    fn put(&mut self, path: &[u8], node: usize) -> Result<()> {
        let mut parts = parts(path)?;
        let last = parts.pop().ok_or("an entry without a name")?;
        let mut place = 0;
        for part in parts {
            place = match self.names(place)?.get(part) {
                Some(next) => *next,
                None => {
                    self.nodes.push(directory());
                    let made = self.nodes.len() - 1;
                    self.names(place)?.insert(part.to_owned(), made);
                    made
                }
            };
        }
        // The last of two with one name counts, as when they are unpacked.
        self.names(place)?.insert(last.to_owned(), node);
        Ok(())
    }

    fn find(&mut self, path: &[u8]) -> Result<usize> {
        let mut place = 0;
        for part in parts(path)? {
            let next = self.names(place)?.get(part).copied();
            place = next.ok_or_else(|| format!("there is no {}", String::from_utf8_lossy(path)))?;
        }
        Ok(place)
    }

    fn names(&mut self, place: usize) -> Result<&mut BTreeMap<Vec<u8>, usize>> {
        match &mut self.nodes[place].kind {
            Kind::Directory(names) => Ok(names),
            _ => Err("an entry inside of what is no directory".into()),
        }
    }
}

impl Said {
    /// `25 path=what/it/is/called\n`: the length of the whole record, a key, a value.
    fn take_pax(&mut self, mut records: &[u8]) -> Result<()> {
        while !records.is_empty() {
            let bad = "a pax header that is none";
            let space = records.iter().position(|byte| *byte == b' ').ok_or(bad)?;
            let length: usize = std::str::from_utf8(&records[..space])?.parse().map_err(|_| bad)?;
            let record = records.get(space + 1..length).and_then(|r| r.strip_suffix(b"\n"));
            let record = record.ok_or(bad)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or(bad)?;
            let (key, value) = (&record[..equals], record[equals + 1..].to_vec());
            match key {
                b"path" => self.path = Some(value),
                b"linkpath" => self.target = Some(value),
                b"size" => self.size = Some(String::from_utf8(value)?.parse().map_err(|_| bad)?),
                _ => {}
            }
            records = &records[length..];
        }
        Ok(())
    }
}

fn directory() -> Node {
    let kind = Kind::Directory(BTreeMap::new());
    Node { kind, permissions: 0o755, uid: 0, gid: 0, mtime: 0 }
}

fn block(file: &File, at: u64, length: u64) -> Result<[u8; BLOCK as usize]> {
    let mut block = [0; BLOCK as usize];
    if at + BLOCK > length {
        return Err(match at {
            0 => "this is no tar archive: it has less than one block".into(),
            _ => format!("at byte {at}: the archive ends without its end: it was cut").into(),
        });
    }
    file.read_exact_at(&mut block, at)?;
    Ok(block)
}

fn content(file: &File, start: u64, size: u64) -> Result<Vec<u8>> {
    if size > LONGEST {
        return Err(format!("at byte {start}: a name of {size} bytes").into());
    }
    let mut content = vec![0; size as usize];
    file.read_exact_at(&mut content, start)?;
    Ok(content)
}

/// The sum of all bytes of a header, its own eight taken as spaces.
fn check(header: &[u8]) -> Result<()> {
    let sum = |(n, byte): (usize, &u8)| if (148..156).contains(&n) { 32 } else { u64::from(*byte) };
    let found: u64 = header.iter().enumerate().map(sum).sum();
    match number(&header[148..156]) {
        Ok(said) if said == found => Ok(()),
        _ => Err("no header of a tar archive: its sum is wrong. Is it compressed?".into()),
    }
}

/// Octal digits; or, with the first bit set, a number in base 256.
fn number(field: &[u8]) -> Result<u64> {
    if field[0] & 0x80 != 0 {
        // The rest must be small enough for 64 bits.
        let (high, low) = field.split_at(field.len().saturating_sub(8));
        let fits = high.iter().all(|byte| byte & 0x7f == 0) && (!high.is_empty() || low[0] == 0x80);
        let value = low.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let value = if high.is_empty() { value & !(1 << 63) } else { value };
        return if fits { Ok(value) } else { Err("a number that is too large".into()) };
    }
    let digits = name(field);
    let text = std::str::from_utf8(&digits)?.trim();
    if text.is_empty() {
        return Ok(0);
    }
    u64::from_str_radix(text, 8).map_err(|_| format!("{text:?} is no octal number").into())
}

/// Up to the first NUL.
fn name(field: &[u8]) -> Vec<u8> {
    field.split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
}

/// The name, and before it what did not fit there; the latter in ustar only: GNU has other things there.
fn path(header: &[u8]) -> Vec<u8> {
    let (name, prefix) = (name(&header[..100]), name(&header[345..500]));
    let is_ustar = &header[257..263] == b"ustar\0";
    if is_ustar && !prefix.is_empty() { [&prefix[..], b"/", &name].concat() } else { name }
}

/// The names in a path, of which none may lead out.
fn parts(path: &[u8]) -> Result<Vec<&[u8]>> {
    let parts: Vec<_> =
        path.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    match parts.contains(&&b".."[..]) {
        true => Err(format!("{} leads out of the archive", String::from_utf8_lossy(path)).into()),
        false => Ok(parts),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
