//! Step 03: the handshake with this kernel, and what an echoed flag does.

mod any_server;

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Stdio;
use std::thread;

use kernel_tests::{Server, is_mounted};
use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::stat;
use step01_device::{BUFFER_SIZE, Device, Mount, ReadFault};
use step02_wire::abi::{Attr, AttrOut, EntryOut, InitFlags, InitOut, OpenOut, OpenReplyFlags};
use step02_wire::{Operation, decode, encode};
use step03_handshake::{Outcome, Wishes, negotiate};

use crate::in_bytes::InBytes;
use crate::recorded::{assert_recorded, books_dir};
use crate::visitor::{fresh_dir, program};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn agrees_and_shows_the_next_question() {
    let dir = books_dir();
    let log = fresh_dir("log").join("stdout");
    let mut command = program("step03-handshake");
    command.arg(&dir).stdout(File::create(&log).unwrap());
    let mut server = Server::start(command, &dir).unwrap();

    // Not std::fs::metadata, which is statx(2): newer kernels pass that on as a STATX (7.39).
    assert_eq!(stat(&dir), Err(Errno::EIO), "its one answer");
    assert!(server.wait().unwrap().success());
    let shown = std::fs::read_to_string(&log).unwrap();
    assert!(
        shown.contains("The next question, 56 bytes: read the attributes of a node"),
        "{shown}"
    );
    assert!(!is_mounted(&dir).unwrap());
    assert_recorded("step03__output", &shown);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_in_bytes() {
    let server = InBytes::start("step03-handshake", &[]);
    server.visit_from_outside(&["ls", "mnt"], "-EIO");
    server.ended("step03__handshake");
}

/// One question to a server of this step whose trace goes to `stderr`. It must end well.
fn ask_with_a_trace_to(stderr: OwnedFd) {
    let dir = fresh_dir("mnt");
    let mut command = program("step03-handshake");
    command.arg("--trace=stable").arg(&dir).stdout(Stdio::null()).stderr(stderr);
    let mut server = Server::start(command, &dir).unwrap();
    assert_eq!(stat(&dir), Err(Errno::EIO), "its one answer");
    let status = server.wait().unwrap();
    assert!(status.success(), "the server ended with {status}");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_line_of_the_trace_is_one_write() {
    // A socket of datagrams keeps one write(2) apart from the next.
    let (ours, servers) = UnixDatagram::pair().unwrap();
    ask_with_a_trace_to(servers.into());
    ours.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    let mut writes = Vec::new();
    while let Ok(len) = ours.recv(&mut buffer) {
        writes.push(String::from_utf8_lossy(&buffer[..len]).into_owned());
    }
    assert!(writes.len() >= 4, "{writes:?}");
    for write in &writes {
        assert!(write.len() > 1 && write.ends_with('\n'), "no whole line: {write:?} of {writes:?}");
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_trace_that_nobody_takes_does_not_end_the_server() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    ask_with_a_trace_to(full.into());
}

/// MAX_PAGES (bit 22, 7.28): the answer then holds how many. In 24 bytes there is no room for that.
const MAX_PAGES: u32 = 1 << 22;
/// One read(2) of this much.
const ASKED: u32 = 131_072;

/// The size of the READ that the kernel makes of a large read(2), after a handshake whose answer
/// `answer` has made out of the one that step 03 would give.
fn size_of_a_read(dir: &Path, answer: impl Fn(u32, InitOut) -> InitOut) -> u32 {
    let device = Device::open().unwrap();
    let _mount = Mount::new(&device, dir, "trap", &[]).unwrap();
    let file = dir.join("file");
    let client = thread::spawn(move || {
        let mut file =
            OpenOptions::new().read(true).custom_flags(libc::O_CLOEXEC).open(file).unwrap();
        // Aligned to a page: else as many bytes lie on one page more.
        let mut memory = vec![0; ASKED as usize + 4096];
        let start = memory.as_ptr().align_offset(4096);
        let _ = file.read(&mut memory[start..][..ASKED as usize]);
    });

    let mut buffer = vec![0; BUFFER_SIZE];
    let attr =
        Attr { ino: 2, mode: libc::S_IFREG | 0o644, nlink: 1, size: 1 << 20, ..Attr::default() };
    let mut size = None;
    while size.is_none() || !client.is_finished() {
        let message = match device.read_message(&mut buffer) {
            Ok(message) => message,
            Err(ReadFault::Again) => continue,
            Err(fault) => panic!("{fault}"),
        };
        let (header, operation) = decode(message).unwrap();
        let unique = header.unique;
        let reply = match operation {
            Operation::Init { arg } => {
                let ours = negotiate(&arg, &Wishes::default()).unwrap();
                assert!(matches!(ours, Outcome::Agreed(_)));
                encode::reply_with(unique, &answer(arg.flags.bits(), ours.answer()))
            }
            Operation::Lookup { .. } => {
                encode::reply_with(unique, &EntryOut { nodeid: 2, attr, ..EntryOut::default() })
            }
            Operation::Getattr { .. } => {
                encode::reply_with(unique, &AttrOut { attr, ..AttrOut::default() })
            }
            // DIRECT_IO: the kernel makes READs of the size that the client asks for, where it may.
            Operation::Open { .. } => {
                let open_flags = OpenReplyFlags::DIRECT_IO;
                encode::reply_with(unique, &OpenOut { open_flags, ..OpenOut::default() })
            }
            Operation::Read { arg } => {
                size = size.or(Some(arg.size));
                encode::reply(unique, &[])
            }
            Operation::Forget { .. } | Operation::Interrupt { .. } => continue,
            Operation::Flush { .. } => {
                let reply = encode::reply(unique, &[]);
                device.write_message(&reply).unwrap();
                break;
            }
            _ => encode::error(unique, Errno::ENOSYS),
        };
        device.write_message(&reply).unwrap();
    }
    client.join().unwrap();
    size.unwrap()
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn an_echoed_max_pages_cuts_every_read_to_one_page() {
    let agreed = size_of_a_read(&fresh_dir("agreed"), |_, ours| ours);
    let echoed = size_of_a_read(&fresh_dir("echoed"), |offered, ours| {
        assert_ne!(offered & MAX_PAGES, 0, "this kernel is older than 7.28: it has no such trap");
        InitOut { flags: ours.flags | InitFlags::from_bits_retain(MAX_PAGES), ..ours }
    });
    assert_eq!((agreed, echoed), (ASKED, 4096));
    let told = format!(
        "read(fd, buffer, {ASKED})\n\
         as agreed:            READ of {agreed} bytes\n\
         MAX_PAGES echoed too: READ of {echoed} bytes"
    );
    insta::assert_snapshot!("max_pages", told);
}
