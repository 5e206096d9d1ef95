//! A thread that is stopped: its memory, its descriptors, and the pipes behind them.

use std::fs::{self, OpenOptions};
use std::io::{IoSliceMut, Read, pipe};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{SpliceFFlags, tee};
use nix::libc;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use vm_init::KEPT;
use vm_init::Process;

/// The least page of any machine.
const PAGE: usize = 4096;

#[derive(Debug, Clone, Copy)]
pub struct Tracee(pub Pid);

impl Tracee {
    /// Who it is. A thread goes by its process's name.
    pub fn process(self) -> Process {
        let thread = self.0.as_raw();
        let status = self.proc("status");
        let field = |name| status.lines().find_map(|line: &str| line.strip_prefix(name));
        let pid = field("Tgid:").and_then(|pid| pid.trim().parse().ok()).unwrap_or(thread);
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Process { thread, pid, name: name.trim().to_owned() }
    }

    fn proc(self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.0)).unwrap_or_default()
    }

    /// Where a link below /proc/PID points. That a file system is asked for nothing matters: its server
    /// may be stopped by us.
    fn link(self, name: &str) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/{name}", self.0)).ok()
    }

    /// What a descriptor is: a path, `pipe:[123]` and so on. None: it is not open.
    pub fn descriptor(self, fd: u64) -> Option<PathBuf> {
        self.link(&format!("fd/{}", fd as i32))
    }

    pub fn is_the_device(self, fd: u64) -> bool {
        self.descriptor(fd).is_some_and(|path| path == Path::new("/dev/fuse"))
    }

    /// The absolute path that this argument means; `dir` is the directory where it begins.
    pub fn path(self, address: u64, dir: Option<u64>) -> Option<PathBuf> {
        let path = self.text(address)?;
        if path.starts_with('/') {
            return Some(PathBuf::from(path));
        }
        let base = match dir {
            Some(dir) if dir as i32 != libc::AT_FDCWD => self.descriptor(dir)?,
            _ => self.link("cwd")?,
        };
        // Component by component: `.` and an empty path are the directory itself.
        Some(
            base.components()
                .chain(Path::new(&path).components())
                .filter(|c| *c != std::path::Component::CurDir)
                .collect(),
        )
    }

    /// A string that ends with a NUL.
    pub fn text(self, address: u64) -> Option<String> {
        let mut text = Vec::new();
        while text.len() < PAGE {
            let at = address as usize + text.len();
            // The next page need not be there.
            let more = self.memory(at as u64, PAGE - at % PAGE);
            match more.iter().position(|&byte| byte == 0) {
                Some(end) => {
                    text.extend_from_slice(&more[..end]);
                    return Some(String::from_utf8_lossy(&text).into_owned());
                }
                None if more.is_empty() => return None,
                None => text.extend(more),
            }
        }
        None
    }

    /// So many bytes of its memory; fewer, where not all are there.
    pub fn memory(self, address: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let local = &mut [IoSliceMut::new(&mut bytes)];
        let remote = [RemoteIoVec { base: address as usize, len }];
        let read = process_vm_readv(self.0, local, &remote).unwrap_or(0);
        bytes.truncate(read);
        bytes
    }

    /// Where the parts of a `struct iovec[]` are, and how long.
    pub fn parts(self, address: u64, count: u64) -> Vec<(u64, u64)> {
        let bytes = self.memory(address, 16 * count.min(1024) as usize);
        let number =
            |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        bytes.chunks_exact(16).map(|part| (number(&part[..8]), number(&part[8..]))).collect()
    }

    /// The first bytes of those parts, [`KEPT`] at most and no more than `len`.
    pub fn gather(self, parts: &[(u64, u64)], len: u64) -> Vec<u8> {
        let wanted = len.min(KEPT as u64) as usize;
        let mut bytes = Vec::new();
        for &(address, part) in parts {
            let len = part.min((wanted - bytes.len()) as u64) as usize;
            bytes.extend(self.memory(address, len));
        }
        bytes
    }

    /// The first bytes in the pipe of this descriptor after the first `skip`, [`KEPT`] at most, and how many
    /// bytes there are in all. They stay there: tee(2) copies what is in a pipe.
    pub fn pipe(self, fd: u64, skip: u64) -> Option<(Vec<u8>, u64)> {
        let path = format!("/proc/{}/fd/{}", self.0, fd as i32);
        let is_a_pipe = self.descriptor(fd)?.to_string_lossy().starts_with("pipe:");
        // Either end will do: opened by this path it is a new end, for reading.
        let theirs = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        let theirs = theirs.ok().filter(|_| is_a_pipe)?;
        let mut there: libc::c_int = 0;
        // SAFETY: FIONREAD writes an int, where one is.
        unsafe { libc::ioctl(theirs.as_raw_fd(), libc::FIONREAD, &mut there) };
        let (mut copy, ours) = pipe().ok()?;
        let wanted = (skip as usize + KEPT).min(there as usize);
        let copied = tee(theirs.as_fd(), ours.as_fd(), wanted, SpliceFFlags::SPLICE_F_NONBLOCK);
        drop(ours);
        let mut bytes = Vec::new();
        copied.ok()?;
        copy.read_to_end(&mut bytes).ok()?;
        bytes.drain(..bytes.len().min(skip as usize));
        Some((bytes, there as u64))
    }
}
