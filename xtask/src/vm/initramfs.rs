//! The guest's root file system: a cpio archive, as `init/initramfs.c` of the kernel unpacks it.

use std::collections::BTreeSet;
use std::io::Write;

use anyhow::Context;
use cpio::newc;

/// An archive being written. Directories come by themselves, ahead of what is in them.
#[derive(Default)]
pub struct Initramfs {
    archive: Vec<u8>,
    directories: BTreeSet<String>,
}

impl Initramfs {
    /// Adds a file at an absolute path.
    pub fn file(&mut self, path: &str, permissions: u32, content: &[u8]) -> anyhow::Result<()> {
        self.parents(path)?;
        let entry = newc::Builder::new(relative(path)).mode(0o100000 | permissions);
        self.entry(path, entry, content)
    }

    /// Adds a symbolic link at an absolute path.
    pub fn link(&mut self, path: &str, target: &str) -> anyhow::Result<()> {
        self.parents(path)?;
        let entry = newc::Builder::new(relative(path)).mode(0o120777);
        self.entry(path, entry, target.as_bytes())
    }

    /// Adds /dev/console, which the kernel opens for pid 1 before anything is mounted.
    pub fn console(&mut self) -> anyhow::Result<()> {
        self.parents("/dev/console")?;
        let entry = newc::Builder::new("dev/console").mode(0o020600).rdev_major(5).rdev_minor(1);
        self.entry("/dev/console", entry, &[])
    }

    /// Ends the archive and returns it.
    pub fn finish(mut self) -> anyhow::Result<Vec<u8>> {
        newc::trailer(&mut self.archive).context("cannot end the initramfs")?;
        Ok(self.archive)
    }

    fn parents(&mut self, path: &str) -> anyhow::Result<()> {
        for (slash, _) in path.match_indices('/').skip(1) {
            let directory = &path[..slash];
            if self.directories.insert(directory.to_owned()) {
                let entry = newc::Builder::new(relative(directory)).mode(0o040755);
                self.entry(directory, entry, &[])?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, entry: newc::Builder, content: &[u8]) -> anyhow::Result<()> {
        let size = u32::try_from(content.len())
            .with_context(|| format!("{path} is too large for cpio"))?;
        let mut writer = entry.nlink(1).write(&mut self.archive, size);
        writer.write_all(content)?;
        writer.finish().with_context(|| format!("cannot add {path} to the initramfs"))?;
        Ok(())
    }
}

fn relative(path: &str) -> &str {
    path.trim_start_matches('/')
}

/// Each file in an archive: its name and content.
pub fn files(mut archive: &[u8]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    loop {
        let reader = newc::Reader::new(archive).context("cannot read a cpio archive")?;
        if reader.entry().is_trailer() {
            return Ok(files);
        }
        let name = reader.entry().name().to_owned();
        let is_file = reader.entry().mode() & 0o170000 == 0o100000;
        let mut content = Vec::new();
        archive = reader
            .to_writer(&mut content)
            .with_context(|| format!("cannot read {name} from a cpio archive"))?;
        if is_file {
            files.push((name, content));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut initramfs = Initramfs::default();
        initramfs.console().unwrap();
        initramfs.file("/a/b/c", 0o644, b"one").unwrap();
        initramfs.file("/a/b/d", 0o755, b"").unwrap();
        initramfs.link("/a/link", "b/c").unwrap();
        let archive = initramfs.finish().unwrap();
        let files = files(&archive).unwrap();
        assert_eq!(
            files,
            [("a/b/c".to_owned(), b"one".to_vec()), ("a/b/d".to_owned(), Vec::new())]
        );
    }

    #[test]
    fn directories_come_once_and_first() {
        let mut initramfs = Initramfs::default();
        initramfs.file("/a/b/c", 0o644, b"x").unwrap();
        initramfs.file("/a/b/d", 0o644, b"y").unwrap();
        let text = String::from_utf8_lossy(&initramfs.finish().unwrap()).into_owned();
        assert_eq!(text.matches("a/b\0").count(), 1);
        assert!(text.find("a/b\0") < text.find("a/b/c\0"));
    }

    #[test]
    fn a_cut_archive_is_an_error() {
        let mut initramfs = Initramfs::default();
        initramfs.file("/a", 0o644, b"content").unwrap();
        let archive = initramfs.finish().unwrap();
        for length in 0..archive.len() - 200 {
            assert!(files(&archive[..length]).is_err(), "{length}");
        }
    }
}
