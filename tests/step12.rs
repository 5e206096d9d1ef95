//! Step 12: requests by splice, replies by splice.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;

use kernel_tests::Server;

use crate::followed::{calls_for, names};
use crate::mounted::Mounted;
use crate::pages;
use crate::recorded::assert_recorded;
use crate::visitor::{fresh_dir, program};

const STEP: &str = "step12-splice-request";
const PIECE: usize = 128 << 10;

/// A file of eight READs, and one to warm up with.
fn source() -> Mounted {
    let source = Mounted::tmpfs("source");
    fs::write(source.0.join("file"), vec![7; 8 * PIECE]).unwrap();
    fs::write(source.0.join("warm"), vec![7; PIECE]).unwrap();
    source
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_spliced_read_is_four_system_calls_or_five() {
    let source = source();
    for (strategy, header) in [("patch", "vmsplice"), ("optimistic", "write")] {
        for (requests, expected) in [
            // The request; the header, the data, the message.
            ("read", vec!["read", header, "splice", "splice"]),
            // The request, its head; the same.
            ("splice", vec!["splice", "read", header, "splice", "splice"]),
        ] {
            let options = ["--strategy", strategy, "--requests", requests];
            let calls = calls_for(STEP, &options, &[&source.0], "warm", |dir| {
                assert_eq!(fs::read(dir.join("file")).unwrap().len(), 8 * PIECE);
            });
            // Eight data of 128 KiB, each in one splice, and eight messages.
            let moved = |bytes: usize| {
                let result = format!("= {bytes}");
                calls.iter().filter(|c| c.starts_with("splice") && c.ends_with(&result)).count()
            };
            assert_eq!((moved(PIECE), moved(PIECE + 16)), (8, 8), "{options:?} {calls:#?}");
            // And nothing else around them.
            let names = names(&calls);
            let whole = names.windows(expected.len()).filter(|window| *window == expected).count();
            assert_eq!(whole, 8, "{options:?} {calls:#?}");
            // Some kernels ask once more at the end, for a page: too little for a pipe.
            let copied = calls.iter().any(|c| c.starts_with("pread") && !c.ends_with("= 0"));
            assert!(!copied, "{calls:#?}");
        }
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_spliced_write_is_never_held() {
    let source = source();
    let calls = calls_for(STEP, &["--requests", "splice"], &[&source.0], "warm", |dir| {
        File::create(dir.join("new")).unwrap().write_all(&vec![9; PIECE]).unwrap();
    });
    assert_eq!(fs::read(source.0.join("new")).unwrap(), vec![9; PIECE]);
    // The data: from the pipe to the file.
    let to_the_file = format!("= {PIECE}");
    let whole = calls.iter().any(|c| c.starts_with("splice") && c.ends_with(&to_the_file));
    assert!(whole, "{calls:#?}");
    assert!(!names(&calls).contains(&"pwrite"), "{calls:#?}");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_file_opened_for_appending_is_appended_to() {
    let source = source();
    for requests in ["read", "splice"] {
        let dir = fresh_dir("mnt");
        let mut command = program("step12-splice-request");
        command.args(["--requests", requests]).arg(&source.0).arg(&dir).stdout(Stdio::null());
        let server = Server::start(command, &dir).unwrap();
        let path = dir.join("log");
        fs::write(&path, "first ").unwrap();
        let mut append = File::options().append(true).open(&path).unwrap();
        append.write_all(&[b'x'; 100_000]).unwrap();
        append.write_all(b" last").unwrap();
        let expected = [b"first ", &[b'x'; 100_000][..], b" last"].concat();
        assert!(fs::read(source.0.join("log")).unwrap() == expected);
        let mut back = Vec::new();
        File::open(&path).unwrap().read_to_end(&mut back).unwrap();
        assert!(back == expected);
        assert!(server.interrupt().unwrap().success());
        fs::remove_dir(&dir).unwrap();
    }
}

const PAGES: usize = 2048;

/// Reads a file of PAGES pages through the mirror. How many of the pages that the client's cache is made of
/// were those of the source's cache before? And how many does the source's cache have left?
fn moved(source: &Path, options: &[&str]) -> (usize, usize) {
    let file = source.join("file");
    fs::write(&file, vec![7; PAGES * 4096]).unwrap();
    let before: HashSet<u64> = pages::physical(&file).into_iter().collect();
    assert_eq!(pages::cached(&file), PAGES);
    let dir = fresh_dir("mnt");
    let mut command = program(STEP);
    command.args(options).arg(source).arg(&dir).stdout(Stdio::null());
    let server = Server::start(command, &dir).unwrap();
    assert!(fs::read(dir.join("file")).unwrap() == vec![7; PAGES * 4096]);
    let left = pages::cached(&file);
    let same =
        pages::physical(&dir.join("file")).iter().filter(|page| before.contains(page)).count();
    assert!(server.interrupt().unwrap().success());
    fs::remove_dir(&dir).unwrap();
    fs::remove_file(&file).unwrap();
    (same, left)
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn pages_move_where_the_kernel_moves_them() {
    let tmpfs = Mounted::tmpfs("tmpfs");
    // The cache of a file system with a server is as good a cache as that of a disk.
    let memfs = fresh_dir("memfs");
    let mut command = program("step06-memfs");
    command.arg(&memfs).stdout(Stdio::null());
    let server = Server::start(command, &memfs).unwrap();
    let head = format!("of {PAGES} pages");
    let mut told = format!("{head:<30}moved   left in the source's cache\n");
    for (source, name) in [(&memfs, "a file system's cache"), (&tmpfs.0, "tmpfs")] {
        for options in [&["--strategy", "patch"][..], &["--strategy", "patch", "--move"]] {
            let (same, left) = moved(source, options);
            let option = if options.len() == 3 { "--move" } else { "" };
            println!("{name} {option}: {same} moved, {left} left");
            // Not to the page: it depends on what readahead has read at the time of each READ.
            let about = |count: usize| match count * 100 / PAGES {
                100 => "all",
                60.. => "most",
                _ if count > 0 => "some",
                _ => "none",
            };
            told += &format!("{name:<22}{option:<8}{:<8}{}\n", about(same), about(left));
            assert!(same == 0 || option == "--move", "{name} {option}");
        }
    }
    assert!(server.interrupt().unwrap().success());
    assert_recorded("step12__move", &told);
}
