//! A small client of the kit's own, so that no version of coreutils matters: it makes the same
//! system calls everywhere.
//!
//! `visit`, with nothing behind it, says what it can do.

use std::ffi::{CStr, CString};
use std::fs;
use std::io::{Write, stdout};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat, stat};
use nix::sys::statvfs::statvfs;
use nix::sys::uio::pread;
use nix::unistd::read;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ls", dir] => ls(Path::new(dir)),
        ["cat", file] => cat(Path::new(file)),
        ["names", dir] => count_names(Path::new(dir)),
        ["df", dir] => df(Path::new(dir)),
        ["write", file, text] => write(Path::new(file), text),
        ["mv", old, new] => mv(Path::new(old), Path::new(new)),
        ["ln", old, new] => ln(Path::new(old), Path::new(new)),
        ["rm", file] => rm(Path::new(file)),
        ["hold", file] => hold(Path::new(file)),
        ["hold-open", file] => hold_open(Path::new(file)),
        ["watch", file] => watch(Path::new(file)),
        ["count", file] => count(Path::new(file)),
        _ => bail!("{USAGE}"),
    }
}

const USAGE: &str = "\
visit ls DIR           list it, with modes, links and sizes
visit names DIR        list it, the names alone; print how many there are
visit cat FILE         print what is in it
visit df DIR           print the space of its file system
visit write FILE TEXT  make it, or empty it, and write a line
visit mv OLD NEW       rename it
visit ln OLD NEW       give it one more name
visit rm FILE          remove the name
visit watch FILE       print what is in it, wait in poll(2), print what is in it then
visit count FILE       read it, and print how many bytes there were
visit hold-open FILE   open it, say so, and wait for a signal
visit hold FILE        open it, remove it, read it all the same, close it";

/// `newfstatat`, `open(O_DIRECTORY)`, `getdents64` until it gives nothing, `newfstatat` for each name, `close`.
fn ls(path: &Path) -> anyhow::Result<()> {
    let said = |errno: Errno| anyhow!("ls: {}: {}", path.display(), errno.desc());
    stat(path).map_err(said)?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let dir = open(path, flags, Mode::empty()).map_err(said)?;
    let mut names = names(dir.as_fd()).context("ls: cannot read the directory")?;
    names.retain(|name| name.as_c_str() != c"." && name.as_c_str() != c"..");
    names.sort();
    for name in names {
        let text = name.to_string_lossy();
        let stat = fstatat(dir.as_fd(), name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| anyhow!("ls: {text}: {}", errno.desc()))?;
        println!("{} {:>2} {:>6} {text}", mode(&stat), stat.st_nlink, stat.st_size);
    }
    Ok(())
}

/// The names in a directory. Not by way of readdir(3): since 6.13 the kernel asks the server for as
/// much as the caller has room for, and a C library's idea of that is its own.
fn names(dir: BorrowedFd<'_>) -> anyhow::Result<Vec<CString>> {
    let mut buffer = [0_u8; 4096];
    let mut names = Vec::new();
    loop {
        // SAFETY: the kernel writes at most `buffer.len()` bytes into the buffer, which outlives the
        // call; the descriptor is borrowed, and therefore open.
        let length = unsafe {
            libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), buffer.as_mut_ptr(), buffer.len())
        };
        let mut entries = &buffer[..Errno::result(length)? as usize];
        if entries.is_empty() {
            return Ok(names);
        }
        // struct linux_dirent64: an inode and an offset of 8 bytes each, the entry's length in 2, its
        // type in 1, and the name, which a NUL ends.
        while let [head @ .., _] = entries.get(..19).unwrap_or_default() {
            let length = u16::from_ne_bytes([head[16], head[17]]).into();
            names.push(CStr::from_bytes_until_nul(&entries[19..length])?.to_owned());
            entries = &entries[length..];
        }
    }
}

/// `drwxr-xr-x`
fn mode(stat: &FileStat) -> String {
    let kind = match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => 'd',
        SFlag::S_IFLNK => 'l',
        SFlag::S_IFREG => '-',
        _ => '?',
    };
    let bit = |n: u32| {
        if stat.st_mode >> n & 1 == 1 { "xwr".as_bytes()[n as usize % 3] as char } else { '-' }
    };
    std::iter::once(kind).chain((0..9).rev().map(bit)).collect()
}

/// `open`, `read` until it gives nothing, `close`.
fn cat(path: &Path) -> anyhow::Result<()> {
    print_all(&open_to_read("cat", path)?).with_context(|| format!("cat: {}", path.display()))
}

fn open_to_read(command: &str, path: &Path) -> anyhow::Result<OwnedFd> {
    open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| anyhow!("{command}: {}: {}", path.display(), errno.desc()))
}

/// `open`, `read` until it gives nothing, `close`.
fn count(path: &Path) -> anyhow::Result<()> {
    let file = open_to_read("count", path)?;
    let (mut buffer, mut bytes) = (vec![0; 1 << 17], 0);
    loop {
        match read(&file, &mut buffer) {
            Ok(0) => break,
            Ok(length) => bytes += length,
            Err(errno) => bail!("count: {}: {}", path.display(), errno.desc()),
        }
    }
    println!("{bytes} bytes");
    Ok(())
}

/// Not by way of the standard library, which asks for the file's size first.
fn print_all(file: &OwnedFd) -> anyhow::Result<()> {
    let mut buffer = [0; 65536];
    loop {
        match read(file, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => stdout().write_all(&buffer[..length])?,
            Err(errno) => bail!(errno.desc()),
        }
    }
}

/// `open(O_DIRECTORY)`, `getdents64` until it gives nothing, `close`.
fn count_names(path: &Path) -> anyhow::Result<()> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let dir = open(path, flags, Mode::empty())
        .map_err(|errno| anyhow!("names: {}: {}", path.display(), errno.desc()))?;
    println!("{} names", names(dir.as_fd()).context("names: cannot read the directory")?.len());
    Ok(())
}

/// `open(O_CREAT | O_TRUNC)`, `write`, `close`.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, format!("{text}\n")).with_context(|| format!("write: {}", path.display()))
}

/// `rename`
fn mv(old: &Path, new: &Path) -> anyhow::Result<()> {
    fs::rename(old, new).with_context(|| format!("mv: {}", old.display()))
}

/// `link`
fn ln(old: &Path, new: &Path) -> anyhow::Result<()> {
    fs::hard_link(old, new).with_context(|| format!("ln: {}", new.display()))
}

/// `unlink`
fn rm(path: &Path) -> anyhow::Result<()> {
    fs::remove_file(path).with_context(|| format!("rm: {}", path.display()))
}

/// `open`, `unlink`, `read` until it gives nothing, `close`.
fn hold(path: &Path) -> anyhow::Result<()> {
    let file = open_to_read("hold", path)?;
    rm(path)?;
    print_all(&file).with_context(|| format!("hold: {}", path.display()))
}

/// `open`, `pread`, `poll`, `pread`, `close`.
fn watch(path: &Path) -> anyhow::Result<()> {
    let file = open_to_read("watch", path)?;
    let failed = || format!("watch: {}", path.display());
    let mut buffer = [0; 4096];
    let mut print = || -> anyhow::Result<()> {
        let length = pread(&file, &mut buffer, 0)?;
        Ok(stdout().write_all(&buffer[..length])?)
    };
    print().with_context(failed)?;
    let mut waited = [PollFd::new(file.as_fd(), PollFlags::POLLIN)];
    poll(&mut waited, PollTimeout::NONE).with_context(failed)?;
    print().with_context(failed)
}

/// `statfs`
fn df(path: &Path) -> anyhow::Result<()> {
    let stat =
        statvfs(path).map_err(|errno| anyhow!("df: {}: {}", path.display(), errno.desc()))?;
    println!(
        "{} blocks of {} bytes, {} free; {} files; names up to {} bytes",
        stat.blocks(),
        stat.fragment_size(),
        stat.blocks_free(),
        stat.files(),
        stat.name_max()
    );
    Ok(())
}

/// `open`, and then nothing.
fn hold_open(path: &Path) -> anyhow::Result<()> {
    let _file = fs::File::open(path).with_context(|| format!("hold-open: {}", path.display()))?;
    println!("open");
    loop {
        std::thread::park();
    }
}
