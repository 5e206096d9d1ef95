//! The virtio ports: records to the host, and files back to it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use cpio::newc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vm_init::{FILES_PORT, OUT_DIR, Record};

/// How long the kernel may take to find its ports. They appear some milliseconds after the driver.
const PATIENCE: Duration = Duration::from_secs(20);

/// A port that carries records.
pub struct Port(File);

impl Port {
    /// Opens the port of that name, once it is there.
    pub fn open(name: &str) -> anyhow::Result<Port> {
        let deadline = Instant::now() + PATIENCE;
        let path = loop {
            if let Some(path) = find(name) {
                break path;
            }
            if Instant::now() > deadline {
                bail!("no virtio port is called {name}: is the module virtio_console loaded?");
            }
            thread::sleep(Duration::from_millis(5));
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {} ({name})", path.display()))?;
        Ok(Port(file))
    }

    /// Sends one record, as one line.
    pub fn send(&mut self, record: &Record) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.0.write_all(&line).context("cannot send a record to the host")
    }

    /// Sends the last record, and waits until the host says that it has it. A write(2) is over when its bytes
    /// are in the port's queue, and a power-off throws away what is still there.
    pub fn send_last(mut self, record: &Record) -> anyhow::Result<()> {
        self.send(record)?;
        let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
        // Whatever comes, or does not: there is nothing else to do.
        let _ = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], patience);
        Ok(())
    }
}

/// The port's device: /dev/vportNpM, whose name stands in /sys/class/virtio-ports.
fn find(name: &str) -> Option<PathBuf> {
    let ports = fs::read_dir("/sys/class/virtio-ports").ok()?;
    let named = ports.flatten().find(|port| {
        fs::read_to_string(port.path().join("name")).is_ok_and(|text| text.trim() == name)
    })?;
    Some(Path::new("/dev").join(named.file_name())).filter(|path| path.exists())
}

/// Sends what is below [`OUT_DIR`], as a cpio archive. Nothing there: nothing sent.
pub fn send_files_back() -> anyhow::Result<()> {
    let mut files = Vec::new();
    collect(Path::new(OUT_DIR), &mut files)?;
    if files.is_empty() {
        return Ok(());
    }
    let mut port = Port::open(FILES_PORT)?.0;
    for path in files {
        let content = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.strip_prefix(OUT_DIR)?.to_str().context("a file's name is not UTF-8")?;
        let size = u32::try_from(content.len()).context("a file is too large for cpio")?;
        let mut entry = newc::Builder::new(name).mode(0o100644).write(&mut port, size);
        entry.write_all(&content)?;
        entry.finish()?;
    }
    newc::trailer(&mut port)?;
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !dir.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
