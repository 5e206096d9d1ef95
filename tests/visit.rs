//! A small client of the kit's own, so that no version of coreutils matters: it makes the same
//! system calls everywhere.
//!
//! `visit ls DIR`, `visit cat FILE`, `visit df DIR`

use std::fs::File;
use std::io::{Write, stdout};
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::{Context, bail};
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use nix::sys::statvfs::statvfs;
use nix::unistd::read;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ls", dir] => ls(Path::new(dir)),
        ["cat", file] => cat(Path::new(file)),
        ["df", dir] => df(Path::new(dir)),
        _ => bail!("usage: visit ls DIR | visit cat FILE | visit df DIR"),
    }
}

/// `open(O_DIRECTORY)`, `getdents64` until it gives nothing, `newfstatat` for each name, `close`.
fn ls(path: &Path) -> anyhow::Result<()> {
    let said = |errno: Errno| errno.desc();
    let mut dir =
        Dir::open(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(said)
            .map_err(|e| anyhow::anyhow!("ls: {}: {e}", path.display()))?;
    let mut names = Vec::new();
    for entry in dir.iter() {
        names.push(entry.context("ls: cannot read the directory")?.file_name().to_owned());
    }
    names.retain(|name| name.as_c_str() != c"." && name.as_c_str() != c"..");
    names.sort();
    for name in names {
        let text = name.to_string_lossy();
        let stat = fstatat(dir.as_fd(), name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW)
            .map_err(|errno| anyhow::anyhow!("ls: {text}: {}", errno.desc()))?;
        println!("{} {:>2} {:>6} {text}", mode(&stat), stat.st_nlink, stat.st_size);
    }
    Ok(())
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
    let file: File = open(path, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(|errno| anyhow::anyhow!("cat: {}: {}", path.display(), errno.desc()))?
        .into();
    let mut buffer = [0; 65536];
    loop {
        match read(&file, &mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => stdout().write_all(&buffer[..length])?,
            Err(errno) => bail!("cat: {}: {}", path.display(), errno.desc()),
        }
    }
}

/// `statfs`
fn df(path: &Path) -> anyhow::Result<()> {
    let stat = statvfs(path)
        .map_err(|errno| anyhow::anyhow!("df: {}: {}", path.display(), errno.desc()))?;
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
