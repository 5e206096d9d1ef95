//! Leaks: after very many files there is as little as before.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use step05_server::Files;
use step06_memfs::Memfs;
use step07_mirror::Mirror;

use crate::in_process::serving;
use crate::mounted::Mounted;
use crate::served::full;
use crate::visitor::until;

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite leaks"]
fn on_memfs() {
    let memfs = Files(Memfs::new(1 << 20));
    let empty = memfs.0.counters();
    serving(&memfs, |dir| judge(dir, || memfs.0.counters() == empty));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite leaks"]
fn on_mirror() {
    let source = Mounted::tmpfs("source");
    let mirror = Files(Mirror::open(&source.0, Path::new("/"), Duration::from_secs(1)).unwrap());
    let empty = mirror.0.counters();
    serving(&mirror, |dir| judge(dir, || mirror.0.counters() == empty));
}

/// `is_empty`: by the server's own counters, only the root is left.
fn judge(dir: &Path, is_empty: impl Fn() -> bool) {
    // The server is in this process: its descriptors are ours.
    let descriptors = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    let cycles = if full() { 1_000_000 } else { 20_000 };
    for n in 0..cycles {
        let path = dir.join(format!("file {n}"));
        drop(File::create_new(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        fs::remove_file(&path).unwrap();
    }
    until("all is let go", &is_empty);
    assert_eq!(descriptors(), before);
    println!("{cycles} files created, looked at and removed: nothing is left");
}
