//! Step 11: answers by splice.

mod disturbed;
mod refused;
mod rows;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use kernel_tests::Server;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::followed::calls_for;
use crate::in_bytes::InBytes;
use crate::loopback::Loop;
use crate::mounted::Mounted;
use crate::recorded::{Traced, assert_recorded};
use crate::visitor::{fresh_dir, program};

/// Bytes that differ from page to page.
fn content(len: usize) -> Vec<u8> {
    (0..len as u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

/// The server of step 11, and what it says at its end.
struct Shown {
    server: Server,
    dir: PathBuf,
    said: PathBuf,
}

impl Shown {
    fn start(options: &[&str], sources: &[&Path]) -> Shown {
        let dir = fresh_dir("mnt");
        let said = dir.with_extension("said");
        let mut command = program("step11-splice-reply");
        command.args(options).args(sources).arg(&dir).stdout(File::create(&said).unwrap());
        Shown { server: Server::start(command, &dir).unwrap(), dir, said }
    }

    /// The counts: `spliced 5 (patch 5), copied …`
    fn end(self) -> String {
        assert!(self.server.interrupt().unwrap().success());
        fs::remove_dir(&self.dir).unwrap();
        let said = fs::read_to_string(&self.said).unwrap();
        let counts = said.lines().find_map(|line| line.strip_prefix("Unmounted. Answers: "));
        counts.unwrap_or_else(|| panic!("{said}")).to_owned()
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_file_and_a_block_device_arrive_whole() {
    let place = fresh_dir("place");
    let (file, disk) = (place.join("file"), place.join("disk"));
    let content = content((3 << 20) + 123);
    fs::write(&file, &content).unwrap();
    fs::write(&disk, &content[..2 << 20]).unwrap();
    let device = Loop::over(&disk);
    let name = device.path.file_name().unwrap();
    for strategy in ["patch", "optimistic", "copy"] {
        let options = ["--strategy", strategy, "--threshold", "1"];
        let shown = Shown::start(&options, &[&file, &device.path]);
        assert!(fs::read(shown.dir.join("file")).unwrap() == content, "{strategy}");
        assert!(fs::read(shown.dir.join(name)).unwrap() == content[..2 << 20], "{strategy}");
        let counts = shown.end();
        match strategy {
            "copy" => assert!(counts.contains("spliced 0, copied"), "{counts}"),
            _ => {
                assert!(counts.contains(&format!("({strategy} ")), "{counts}");
                assert!(counts.contains(", copied 0, "), "{counts}");
            }
        }
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn streams_give_what_they_have_and_lose_nothing() {
    let place = fresh_dir("place");
    let (socket, fifo) = (place.join("socket"), place.join("fifo"));
    let content = content(200_000);
    for strategy in ["patch", "optimistic", "copy"] {
        let listener = UnixListener::bind(&socket).unwrap();
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let shown = Shown::start(&["--strategy", strategy], &[&socket, &fifo]);
        let (mut peer, _) = listener.accept().unwrap();
        let mut client = File::open(shown.dir.join("socket")).unwrap();
        let mut buffer = vec![0; 1 << 17];
        // What is there is an answer.
        peer.write_all(&content[..100]).unwrap();
        assert_eq!(client.read(&mut buffer).unwrap(), 100);
        thread::scope(|scope| {
            scope.spawn(|| {
                // Pieces, each a slot of the pipe: more of them than it has.
                content[100..].chunks(100).for_each(|piece| peer.write_all(piece).unwrap());
                drop(peer);
            });
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).unwrap();
            assert!(rest == content[100..], "{strategy}");
        });

        let mut writer = File::options().write(true).open(&fifo).unwrap();
        writer.write_all(&content[..50_000]).unwrap();
        let mut client = File::open(shown.dir.join("fifo")).unwrap();
        let mut back = vec![0; 50_000];
        client.read_exact(&mut back).unwrap();
        assert!(back == content[..50_000], "{strategy}");
        let counts = shown.end();
        assert_eq!(counts.contains(&format!("({strategy} ")), strategy != "copy", "{counts}");
        fs::remove_file(&socket).unwrap();
        fs::remove_file(&fifo).unwrap();
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn it_ends_while_a_client_waits_for_a_stream() {
    let place = fresh_dir("place");
    let socket = place.join("socket");
    let listener = UnixListener::bind(&socket).unwrap();
    for strategy in ["patch", "copy"] {
        let shown = Shown::start(&["--strategy", strategy], &[&socket]);
        let (peer, _) = listener.accept().unwrap();
        let mut client = File::open(shown.dir.join("socket")).unwrap();
        let waiting = thread::spawn(move || client.read(&mut [0; 16]));
        thread::sleep(std::time::Duration::from_millis(100));
        shown.end();
        assert!(waiting.join().unwrap().is_err(), "the connection is gone");
        drop(peer);
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_file_may_change_while_it_is_read() {
    let place = fresh_dir("place");
    let file = place.join("file");
    for strategy in ["patch", "optimistic", "copy"] {
        fs::write(&file, vec![b'a'; 1 << 20]).unwrap();
        let shown = Shown::start(&["--strategy", strategy], &[&file]);
        thread::scope(|scope| {
            let changes = scope.spawn(|| {
                let source = File::options().write(true).open(&file).unwrap();
                for n in 0..200_u64 {
                    source.set_len(n * 5_003 % (1 << 20)).unwrap();
                    std::os::unix::fs::FileExt::write_all_at(&source, &[b'b'; 70_000], n * 3_001)
                        .unwrap();
                }
            });
            let mut read = 0;
            while !changes.is_finished() || read == 0 {
                // Old bytes, new bytes and the zeros of a hole: nothing from elsewhere.
                let bytes = fs::read(shown.dir.join("file")).unwrap();
                assert!(bytes.iter().all(|byte| [0, b'a', b'b'].contains(byte)), "{strategy}");
                assert!(bytes.len() <= 1 << 20);
                read += 1;
            }
        });
        let last = fs::read(&file).unwrap();
        assert!(fs::read(shown.dir.join("file")).unwrap() == last, "{strategy}");
        shown.end();
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn one_read_in_system_calls() {
    let place = fresh_dir("place");
    let (whole, short, warm) = (place.join("whole"), place.join("short"), place.join("warm"));
    fs::write(&whole, content(128 << 10)).unwrap();
    fs::write(&short, content(100_000)).unwrap();
    fs::write(&warm, content(128 << 10)).unwrap();
    let mut told = String::new();
    for (file, what) in [("whole", "128 KiB of a file"), ("short", "the last 100000 bytes")] {
        for strategy in ["copy", "patch", "optimistic"] {
            let sources: [&Path; 3] = [&whole, &short, &warm];
            let options = ["--strategy", strategy];
            let calls = calls_for("step11-splice-reply", &options, &sources, "warm", |dir| {
                assert!(!fs::read(dir.join(file)).unwrap().is_empty());
            });
            // From the READ, a request of 80 bytes, to the request behind it.
            let read = calls.iter().position(|call| call.ends_with(" = 80")).unwrap();
            let rest = calls[read + 1..].iter().position(|call| call.contains(", 135168)"));
            let calls = &calls[read..=read + rest.unwrap()];
            told += &format!("{what}, {strategy}:\n");
            // Which descriptors those are does not matter. Calls without a name are about memory.
            for call in calls.iter().filter(|call| !call.starts_with("call ")) {
                let (name, result) = call.split_once(" = ").unwrap();
                let name = name.split('(').next().unwrap();
                told += &format!("  {name:<10} {result}\n");
            }
        }
    }
    insta::assert_snapshot!("calls", told);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_spliced_file() {
    let place = Mounted::tmpfs("place");
    let file = place.0.join("file");
    fs::write(&file, content(300_000)).unwrap();
    let shown = Traced::start("step11-splice-reply", &[file.as_ref()]);
    assert_recorded("step11__read", &shown.visit(&["count", "file"], "RELEASE = ok"));
    shown.end();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_spliced_file_in_bytes() {
    let place = Mounted::tmpfs("place");
    let file = place.0.join("file");
    fs::write(&file, content(300_000)).unwrap();
    let shown = InBytes::start("step11-splice-reply", &[file.to_str().unwrap()]);
    shown.visit(&["count", "file"], "RELEASE = ok");
    shown.end("step11__read");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_cannot_be_shown_is_refused() {
    let dir = fresh_dir("mnt");
    let run = crate::visitor::output(
        program("step11-splice-reply").arg("/proc").arg(&dir).stdin(Stdio::null()),
    );
    let said = crate::visitor::stderr(&run);
    assert!(said.contains("cannot show /proc") && said.contains("it is no file"), "{said}");
}
