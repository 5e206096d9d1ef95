//! Step 12: requests by splice, replies by splice.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;

use kernel_tests::Server;

use crate::followed::{calls_for, names};
use crate::in_bytes::InBytes;
use crate::mounted::{Ext4, Mounted};
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

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_spliced_write_in_bytes() {
    let source = Mounted::tmpfs("source");
    let mirror = InBytes::start(STEP, &["--valid=3600", source.0.to_str().unwrap()]);
    mirror.visit(&["write", "note", "Through a pipe."], "RELEASE = ok");
    mirror.visit(&["cat", "note"], "RELEASE = ok");
    assert_eq!(fs::read(source.0.join("note")).unwrap(), b"Through a pipe.\n");
    mirror.end("step12__write");
}

const PAGES: usize = 2048;
const PAGE: usize = 4096;

/// Has a server pass a file of PAGES pages on to a client, who reads it. How many pages of the client's cache
/// are the very pages that the source's cache had in their place? And how many has the source's cache left?
fn moved(source: &Path, piece: usize, options: &[&str]) -> (usize, usize) {
    let path = source.join("file");
    let mut file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let content = vec![7; PAGES * PAGE];
    content.chunks(piece).for_each(|piece| file.write_all(piece).unwrap());
    // Clean: a page that is still to be written does not move.
    file.sync_all().unwrap();
    // Read before, and more than once: the kernel notes that a page is in use, fifteen pages or so at a
    // time, and one that waits to be noted does not move.
    let mut read = vec![0; PAGES * PAGE];
    for _ in 0..2 {
        file.read_exact_at(&mut read, 0).unwrap();
    }
    let before = pages::physical(&file);
    assert_eq!(pages::cached(&file), PAGES);

    let dir = fresh_dir("mnt");
    let mut command = program(STEP);
    command.args(options).arg(source).arg(&dir).stdout(Stdio::null());
    let server = Server::start(command, &dir).unwrap();
    let client = File::open(dir.join("file")).unwrap();
    client.read_exact_at(&mut read, 0).unwrap();
    assert!(read == content);
    let left = pages::cached(&file);
    let after = pages::physical(&client);
    let same = before.iter().zip(&after).filter(|(before, after)| before == after).count();
    drop(client);
    assert!(server.interrupt().unwrap().success());
    fs::remove_dir(&dir).unwrap();
    fs::remove_file(&path).unwrap();
    (same, left)
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn pages_move_where_the_kernel_moves_them() {
    let ext4 = Ext4::new(64 << 20, "ext4");
    let tmpfs = Mounted::tmpfs("tmpfs");
    // The kernel caches the files of a server's file system as it does those of a disk.
    let memfs = fresh_dir("memfs");
    let mut command = program("step06-memfs");
    command.arg(&memfs).stdout(Stdio::null());
    let server = Server::start(command, &memfs).unwrap();
    let sources = [
        ("ext4, written at once", &ext4.dir, PAGES * PAGE),
        ("ext4, page by page", &ext4.dir, PAGE),
        ("memfs", &memfs, PAGES * PAGE),
        ("tmpfs", &tmpfs.0, PAGES * PAGE),
    ];
    let head = format!("of {PAGES}, give or take a few");
    let mut told = format!("{head:<31}moved   left in the source's cache\n");
    for (name, source, piece) in sources {
        for option in ["", "--move"] {
            let options: Vec<_> =
                ["--strategy", "patch", option].into_iter().filter(|o| !o.is_empty()).collect();
            let (same, left) = moved(source, piece, &options);
            println!("{name} {option}: {same} moved, {left} left");
            told += &format!("{name:<23}{option:<8}{:<8}{}\n", about(same), about(left));
            assert!(same == 0 || option == "--move", "{name} {option}");
            assert!(same + left <= PAGES || option.is_empty(), "{name}: moved and still there");
        }
    }
    assert!(server.interrupt().unwrap().success());
    assert_recorded("step12__move", &told);
}

/// Not to the page: now and then somebody holds a few, which then do not move.
fn about(count: usize) -> &'static str {
    match count * 100 / PAGES {
        95.. => "all",
        5.. => "some",
        _ => "none",
    }
}
