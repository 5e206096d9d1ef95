//! A whole tree as one value, for two trees to be compared.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::xattrs;

/// All that can be said of a file, but its inode number.
#[derive(Debug, PartialEq)]
pub struct Described {
    mode: u32,
    owner: (u32, u32),
    nlink: u64,
    rdev: u64,
    /// Not a directory's, which each file system counts in its own way.
    size: u64,
    mtime: (i64, i64),
    /// What is in it, or where it leads.
    content: Vec<u8>,
    xattrs: Vec<(String, Vec<u8>)>,
    /// Of its names the first.
    first_name: PathBuf,
}

/// Everything below `top`, and `top` itself, by path.
pub fn describe(top: &Path) -> BTreeMap<PathBuf, Described> {
    let mut paths = vec![top.to_owned()];
    let mut next = 0;
    while let Some(path) = paths.get(next) {
        if fs::symlink_metadata(path).unwrap().is_dir() {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
        next += 1;
    }
    paths.sort();
    let mut first_names = HashMap::new();
    let described = paths.iter().map(|path| {
        let name = path.strip_prefix(top).unwrap().to_owned();
        let meta = fs::symlink_metadata(path).unwrap();
        let first_name = first_names.entry(meta.ino()).or_insert_with(|| name.clone()).clone();
        let content = match meta.file_type() {
            kind if kind.is_file() => fs::read(path).unwrap(),
            kind if kind.is_symlink() => {
                fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
            }
            _ => vec![],
        };
        let described = Described {
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            nlink: meta.nlink(),
            rdev: meta.rdev(),
            size: if meta.is_dir() { 0 } else { meta.size() },
            mtime: (meta.mtime(), meta.mtime_nsec()),
            content,
            xattrs: if meta.is_symlink() { vec![] } else { user_xattrs(path) },
            first_name,
        };
        (name, described)
    });
    described.collect()
}

fn user_xattrs(path: &Path) -> Vec<(String, Vec<u8>)> {
    // A source without extended attributes says so.
    let mut names = xattrs::list(path).unwrap_or_default();
    names.retain(|name| name.starts_with("user."));
    names.sort();
    names.into_iter().map(|name| (name.clone(), xattrs::get(path, &name, 256).unwrap())).collect()
}
