//! One of many processes that do all they can to the same few names, at random.
//!
//! `stress DIR SEED COUNT`. A file is written once, under a name of this process's own, and then
//! published under a shared one: so whoever opens a shared name must find it whole. What it holds says
//! how long it is and what its checksum is. Ends with an error at the first thing that cannot be.

use std::collections::HashMap;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, bail, ensure};
use fastrand::Rng;
use nix::errno::Errno;

const DIRECTORIES: usize = 3;
const NAMES: usize = 12;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check", dir] => check_all(Path::new(dir)),
        [dir, seed, count] => {
            let (seed, count) = (seed.parse().context("SEED")?, count.parse().context("COUNT")?);
            let mut process = Process { dir: dir.into(), rng: Rng::with_seed(seed), made: 0 };
            for n in 0..count {
                process.act().with_context(|| format!("in operation {n} of seed {seed}"))?;
            }
            Ok(())
        }
        _ => bail!("{USAGE}"),
    }
}

const USAGE: &str = "\
stress DIR SEED COUNT  COUNT operations in the directories d0, d1 and d2 of DIR
stress check DIR       after that: is each file whole, and has each as many names as it says?";

struct Process {
    dir: PathBuf,
    rng: Rng,
    made: u32,
}

impl Process {
    fn act(&mut self) -> anyhow::Result<()> {
        let path = self.shared();
        let shown = path.display().to_string();
        match self.rng.u8(0..12) {
            0..3 => self.publish(&path),
            3 => {
                may(fs::hard_link(self.shared(), &path), &[Errno::ENOENT, Errno::EEXIST]).map(drop)
            }
            4 => may(fs::rename(self.shared(), &path), &[Errno::ENOENT]).map(drop),
            5 => may(fs::remove_file(&path), &[Errno::ENOENT]).map(drop),
            6 => self.hold(&path),
            7 => self.directory(),
            8 => self.list(),
            _ => may(File::open(&path), &[Errno::ENOENT])
                .and_then(|file| file.map_or(Ok(()), read_and_check)),
        }
        .context(shown)
    }

    /// One of the names that all processes use.
    fn shared(&mut self) -> PathBuf {
        let (directory, name) = (self.rng.usize(..DIRECTORIES), self.rng.usize(..NAMES));
        self.dir.join(format!("d{directory}/f{name}"))
    }

    /// Writes a file, and gives it a shared name: in the place of what had it, or not if something has.
    fn publish(&mut self, path: &Path) -> anyhow::Result<()> {
        self.made += 1;
        let own = self.shared().with_file_name(format!("own {} {}", process::id(), self.made));
        let mut data = vec![0; self.rng.usize(..20_000)];
        self.rng.fill(&mut data);
        let content = [&sum(&data).to_le_bytes()[..], &data].concat();
        let mut file = File::create_new(&own).context("create")?;
        for piece in content.chunks(self.rng.usize(1..=content.len())) {
            file.write_all(piece).context("write")?;
        }
        drop(file);
        read_and_check(File::open(&own).context("open")?).context("read back")?;
        if self.rng.bool() {
            fs::rename(&own, path).context("rename")?;
        } else {
            may(fs::hard_link(&own, path), &[Errno::EEXIST]).context("link")?;
            fs::remove_file(&own).context("unlink")?;
        }
        Ok(())
    }

    /// Opens a file, takes its name away, and reads it all the same.
    fn hold(&mut self, path: &Path) -> anyhow::Result<()> {
        let Some(file) = may(File::open(path), &[Errno::ENOENT])? else { return Ok(()) };
        may(fs::remove_file(path), &[Errno::ENOENT])?;
        read_and_check(file)
    }

    /// Directories that come, go and move.
    fn directory(&mut self) -> anyhow::Result<()> {
        let gone = [Errno::ENOENT, Errno::ENOTEMPTY];
        let mut sub = || self.dir.join(format!("d{}/sub", self.rng.usize(..DIRECTORIES)));
        let (one, other) = (sub(), sub());
        match self.rng.u8(0..4) {
            0 => may(fs::create_dir(&one), &[Errno::EEXIST]).map(drop),
            1 => may(fs::remove_dir(&one), &gone).map(drop),
            2 => may(fs::rename(&one, &other), &gone).map(drop),
            _ => {
                let file = one.join(format!("own {}", process::id()));
                // It may be there already: where a directory has moved between the two calls, the file
                // stayed in it.
                if may(File::create_new(&file), &[Errno::ENOENT, Errno::EEXIST])?.is_some() {
                    may(fs::remove_file(&file), &[Errno::ENOENT])?;
                }
                Ok(())
            }
        }
    }

    /// No name that nobody made.
    fn list(&mut self) -> anyhow::Result<()> {
        let dir = self.dir.join(format!("d{}", self.rng.usize(..DIRECTORIES)));
        for entry in fs::read_dir(&dir)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let known = name.starts_with('f') || name.starts_with("own ") || name == "sub";
            ensure!(known, "{name:?} is listed, and nobody made it");
        }
        Ok(())
    }
}

/// What a call gave; nothing, if it failed as it may while others act, too.
fn may<T>(result: io::Result<T>, errnos: &[Errno]) -> anyhow::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if error.raw_os_error().is_some_and(|e| errnos.contains(&Errno::from_raw(e))) =>
        {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn sum(data: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(data);
    hasher.finish()
}

fn read_and_check(mut file: File) -> anyhow::Result<()> {
    let mut content = Vec::new();
    file.read_to_end(&mut content)?;
    check(&content)
}

/// 8 bytes of checksum, then what it is of.
fn check(content: &[u8]) -> anyhow::Result<()> {
    let (expected, data) = content.split_first_chunk().context("it is cut short")?;
    ensure!(
        u64::from_le_bytes(*expected) == sum(data),
        "{} bytes, and another checksum",
        data.len()
    );
    Ok(())
}

/// What the processes left behind.
fn check_all(dir: &Path) -> anyhow::Result<()> {
    let mut names: HashMap<u64, (u64, u64)> = HashMap::new();
    for n in 0..DIRECTORIES {
        for entry in fs::read_dir(dir.join(format!("d{n}")))? {
            let path = entry?.path();
            let meta = fs::symlink_metadata(&path)?;
            if meta.is_file() {
                let whole = File::open(&path).map_err(Into::into).and_then(read_and_check);
                whole.with_context(|| path.display().to_string())?;
                names.entry(meta.ino()).or_insert((0, meta.nlink())).0 += 1;
            }
        }
    }
    for (found, nlink) in names.values() {
        ensure!(found == nlink, "a file has {found} names, and says that it has {nlink}");
    }
    println!("{} files with {} names", names.len(), names.values().map(|n| n.0).sum::<u64>());
    Ok(())
}
