//! The examples, run as their first lines say.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use kernel_tests::{Server, programs};
use nix::libc::{ENOENT, EROFS, O_DIRECT};

use super::mountinfo;
use crate::visitor::{errno, fresh_dir, output, stderr};

/// An example, told `arguments` and a directory, and where what it says is kept.
fn example(name: &str, arguments: &[&Path]) -> (Server, PathBuf, PathBuf) {
    let dir = fresh_dir("mnt");
    let said = dir.with_extension("said");
    let mut command = Command::new(programs().join("examples").join(name));
    command.args(arguments).arg(&dir).stdout(File::create(&said).unwrap());
    (Server::start(command, &dir).unwrap(), dir, said)
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn hello_says_hello() {
    let (server, dir, _) = example("hello", &[]);
    let names = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["hello.txt"]);
    assert_eq!(fs::read_to_string(dir.join("hello.txt")).unwrap(), "Hello from user space!\n");
    assert_eq!(errno(fs::read(dir.join("other"))), Some(ENOENT));
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_socket_is_read_as_a_file() {
    let place = fresh_dir("place");
    let listener = UnixListener::bind(place.join("socket")).unwrap();
    let (server, dir, said) = example("socket", &[&place.join("socket")]);
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
    for _ in 0..2 {
        let mut client = File::open(dir.join("stream")).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                peer.write_all(&content).unwrap();
                drop(peer);
            });
            let mut read = Vec::new();
            client.read_to_end(&mut read).unwrap();
            assert!(read == content);
        });
    }
    assert!(server.interrupt().unwrap().success());
    let said = fs::read_to_string(said).unwrap();
    assert!(
        said.contains("Unmounted. Answers: spliced ") && said.contains(", copied 0,"),
        "{said}"
    );
}

/// An entry of a tar archive, in the manner of ustar.
fn entry(name: &str, kind: u8, target: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644");
    put(124, &format!("{:011o}", content.len()));
    put(136, "11375034000");
    put(148, "        ");
    put(157, target);
    put(257, "ustar\x0000");
    header[156] = kind;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    header.extend(content);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn an_archive_is_a_directory() {
    let place = fresh_dir("place");
    let path = place.join("archive.tar");
    let content: Vec<u8> = (0..1_000_000_u32).map(|n| (n.wrapping_mul(n) >> 3) as u8).collect();
    let archive = [
        entry("./big", b'0', "", &content),
        entry("dir/small", b'0', "", b"small"),
        entry("dir/again", b'1', "big", b""),
        entry("link", b'2', "dir/small", b""),
        vec![0; 1024],
    ];
    fs::write(&path, archive.concat()).unwrap();
    let (server, dir, said) = example("tar", &[&path]);
    assert!(mountinfo(&dir).contains(" - fuse.tar "), "{}", mountinfo(&dir));
    assert!(fs::read(dir.join("big")).unwrap() == content);
    assert!(fs::read(dir.join("dir/again")).unwrap() == content);
    assert_eq!(fs::read_to_string(dir.join("link")).unwrap(), "small");
    // Past the cache, which would hide it: what follows in the archive is no part of the file.
    let mut small = File::options();
    let mut small = small.read(true).custom_flags(O_DIRECT).open(dir.join("dir/small")).unwrap();
    assert_eq!(small.read(&mut [0; 4096]).unwrap(), 5);
    assert_eq!(errno(fs::write(dir.join("new"), "")), Some(EROFS));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 3);
    assert!(server.interrupt().unwrap().success());
    let said = fs::read_to_string(said).unwrap();
    assert!(said.contains("Unmounted. Answers: spliced "), "{said}");
    assert!(!said.contains("spliced 0"), "{said}");

    fs::remove_dir(&dir).unwrap();
    fs::create_dir(&dir).unwrap();
    let refused = |bytes: &[u8], why: &str| {
        fs::write(&path, bytes).unwrap();
        let mut tar = Command::new(programs().join("examples/tar"));
        let run = output(tar.arg(&path).arg(&dir).stdout(Stdio::null()));
        assert_eq!(run.status.code(), Some(1));
        assert!(stderr(&run).contains(why), "{}", stderr(&run));
    };
    refused(&archive[0][..700], "it was cut");
    refused(&[b'x'; 2048], "Is it compressed?");
    refused(&[archive[1].clone(), entry("../out", b'0', "", b"")].concat(), "leads out");
}
