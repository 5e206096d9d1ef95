//! Bulk: very many bytes, along each way that they can take.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use kernel_tests::Server;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::loopback::Loop;
use crate::mounted::Mounted;
use crate::served::full;
use crate::visitor::{fresh_dir, program};

const BLOCK: usize = 1 << 20;

/// How many blocks of 1 MiB.
fn blocks() -> u64 {
    if full() { 1024 } else { 16 }
}

/// A block that is like no other, and no page of it like another.
fn fill(block: &mut [u8], n: u64) {
    for (page, bytes) in block.chunks_mut(4096).enumerate() {
        let stamp = (n * 256 + page as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bytes[..8].copy_from_slice(&stamp.to_le_bytes());
        bytes[4088..].copy_from_slice(&stamp.to_be_bytes());
    }
}

/// Between those, noise.
fn noise() -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    fastrand::Rng::with_seed(714).fill(&mut block);
    block
}

fn write(to: &mut impl Write) {
    let mut block = noise();
    for n in 0..blocks() {
        fill(&mut block, n);
        to.write_all(&block).unwrap();
    }
}

fn read(from: &mut impl Read) {
    let (mut expected, mut block) = (noise(), vec![0; BLOCK]);
    for n in 0..blocks() {
        fill(&mut expected, n);
        from.read_exact(&mut block).unwrap_or_else(|e| panic!("in block {n}: {e}"));
        assert!(block == expected, "block {n} is not what it was");
    }
}

/// A server of step 11 or 12 while `client` runs.
fn served(name: &str, options: &[&str], sources: &[&Path], client: impl FnOnce(&Path)) {
    let dir = fresh_dir("mnt");
    let mut command = program(name);
    command.args(options).args(sources).arg(&dir).stdout(Stdio::null());
    let server = Server::start(command, &dir).unwrap();
    let start = Instant::now();
    client(&dir);
    let seconds = start.elapsed().as_secs_f64();
    assert!(server.interrupt().unwrap().success());
    fs::remove_dir(&dir).unwrap();
    println!("{} MiB, {}: {seconds:.1} s", blocks(), options.join(" "));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite bulk"]
fn on_spliced() {
    for options in [
        &["--strategy", "copy", "--requests", "read"][..],
        &["--strategy", "optimistic", "--requests", "read"],
        &["--strategy", "patch", "--requests", "splice"],
        &["--strategy", "optimistic", "--requests", "splice", "--move"],
        &["--strategy", "patch", "--requests", "splice", "--move"],
    ] {
        there_and_back("step12-splice-request", options);
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite bulk"]
fn on_reference() {
    for options in [
        &["--splice", "never"][..],
        &["--splice", "always", "--strategy", "optimistic", "--requests", "read"],
        &["--splice", "always", "--strategy", "optimistic", "--move"],
        &["--splice", "always", "--strategy", "patch"],
        &["--splice", "always", "--strategy", "patch", "--move"],
    ] {
        there_and_back("fuse714", &[&["mirror", "-f", "--workers", "8"], options].concat());
    }
}

/// Written through a mirror, and read through it again, mounted anew so that nothing is cached.
fn there_and_back(mirror: &str, options: &[&str]) {
    let source = Mounted::tmpfs("source");
    let file = source.0.join("file");
    served(mirror, options, &[&source.0], |dir| {
        write(&mut File::create(dir.join("file")).unwrap());
    });
    read(&mut File::open(&file).unwrap());
    served(mirror, options, &[&source.0], |dir| {
        read(&mut File::open(dir.join("file")).unwrap());
    });
    read(&mut File::open(&file).unwrap());
    let dir = source.0.clone();
    drop(source);
    fs::remove_dir(dir).unwrap();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite bulk"]
fn on_sources() {
    let place = Mounted::tmpfs("place");
    let at = |name: &str| place.0.join(name);
    write(&mut File::create(at("file")).unwrap());
    let device = Loop::over(&at("file"));
    for strategy in ["copy", "optimistic", "patch"] {
        let options = ["--strategy", strategy];
        served("step11-splice-reply", &options, &[&at("file"), &device.path], |dir| {
            read(&mut File::open(dir.join("file")).unwrap());
            read(&mut File::open(dir.join(device.path.file_name().unwrap())).unwrap());
        });
        let listener = UnixListener::bind(at("socket")).unwrap();
        mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
        served("step11-splice-reply", &options, &[&at("socket"), &at("fifo")], |dir| {
            let (mut peer, _) = listener.accept().unwrap();
            let mut writer = File::options().write(true).open(at("fifo")).unwrap();
            thread::scope(|scope| {
                scope.spawn(|| write(&mut peer));
                read(&mut File::open(dir.join("socket")).unwrap());
                scope.spawn(|| write(&mut writer));
                read(&mut File::open(dir.join("fifo")).unwrap());
            });
        });
        fs::remove_file(at("socket")).unwrap();
        fs::remove_file(at("fifo")).unwrap();
    }
}
