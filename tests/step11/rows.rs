//! What the device says to a message that is wrong: the table of chapter 11, row by row. First the bare
//! device, with a pipe filled by hand; then the same through `SplicePath`.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::libc;
use nix::mount::{MntFlags, umount2};
use nix::unistd::{read, write};
use step02_wire::Operation;
use step02_wire::abi::*;
use step03_handshake::Wishes;
use step05_server::{
    Answer, Data, Files, Filesystem, Handler, Owed, ReadPath, ReplyPath, Request, Session,
    WritePath,
};
use step11_splice_reply::{Options, SplicePath, Strategy};
use zerocopy::IntoBytes;

use crate::visitor::fresh_dir;

/// A directory with one file in it, each read(2) of which is a READ.
struct OneFile;

impl Filesystem for OneFile {
    fn lookup(&self, _: &InHeader, _: &OsStr) -> Result<EntryOut, Errno> {
        let attr = Attr { ino: 2, mode: libc::S_IFREG | 0o444, nlink: 1, ..Attr::default() };
        Ok(EntryOut { nodeid: 2, attr, ..EntryOut::default() })
    }

    fn getattr(&self, _: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let attr = Attr { ino: 1, mode: libc::S_IFDIR | 0o555, nlink: 2, ..Attr::default() };
        Ok(AttrOut { attr, ..AttrOut::default() })
    }

    fn open(&self, _: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        Ok(OpenOut { open_flags: OpenReplyFlags::DIRECT_IO, ..OpenOut::default() })
    }

    fn read(&self, _: &InHeader, _: &ReadIn) -> Result<Data, Errno> {
        Ok(Data::Bytes(b"after".to_vec()))
    }
}

/// What is done with the first READ, in place of answering it.
type Act<'a> = Box<dyn FnOnce(u64) + Send + 'a>;

struct Acting<'a>(Mutex<Option<Act<'a>>>);

impl Handler for Acting<'_> {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        let is_read = matches!(request.operation, Operation::Read { .. });
        match self.0.lock().unwrap().take_if(|_| is_read) {
            // What is owed answers EIO afterwards. Where that is a second answer, nobody wants it.
            Some(act) => act(owed.unique()),
            None => Files(OneFile).handle(request, owed),
        }
    }
}

/// Lets a client read 4096 bytes, does `act` with the READ, and returns what the client got. The READ
/// after that one must be well.
fn first_read<'a>(act: impl FnOnce(u64, &Kernel<'_>) + Send + 'a) -> io::Result<Vec<u8>> {
    let dir = fresh_dir("mnt");
    let session = Session::mount(&dir, "test", &[], None).unwrap();
    let device = Arc::clone(session.device());
    let splice = Arc::new(SplicePath::new(
        Arc::clone(&device),
        Options { strategy: Strategy::best(), threshold: 1, move_pages: false },
    ));
    let outward: Arc<dyn ReplyPath> = Arc::new(WritePath::new(Arc::clone(&device)));
    let got = std::thread::scope(|scope| {
        let given = Arc::clone(&device);
        let handler = Acting(Mutex::new(Some(Box::new(move |unique| {
            act(unique, &Kernel { device: given.as_fd(), splice: &splice });
        }))));
        let server = scope.spawn(move || {
            let mut inward = ReadPath::new(device);
            session.serve_along(&mut inward, &outward, &Wishes::default(), &handler)
        });
        let mut file = File::open(dir.join("file")).unwrap();
        let mut buffer = vec![0; 4096];
        let got = file.read(&mut buffer).map(|length| buffer[..length].to_vec());
        assert_eq!(file.read(&mut buffer).unwrap(), 5);
        assert_eq!(&buffer[..5], b"after");
        drop(file);
        umount2(&dir, MntFlags::MNT_DETACH).unwrap();
        server.join().unwrap().unwrap();
        got
    });
    std::fs::remove_dir(&dir).unwrap();
    got
}

/// What an act has to work with.
struct Kernel<'a> {
    device: BorrowedFd<'a>,
    splice: &'a SplicePath,
}

fn message(len: usize, error: i32, unique: u64, data: &[u8]) -> Vec<u8> {
    let header = OutHeader { len: len as u32, error, unique };
    [header.as_bytes(), data].concat()
}

/// A pipe with a message in it, spliced to the device: what came of it, and how much is left.
fn spliced(device: BorrowedFd<'_>, message: &[u8], ask: usize) -> (Result<usize, Errno>, usize) {
    let (reader, writer) = io::pipe().unwrap();
    let (reader, writer) = (OwnedFd::from(reader), OwnedFd::from(writer));
    assert_eq!(write(&writer, message).unwrap(), message.len());
    let done = splice(&reader, None, device, None, ask, SpliceFFlags::empty());
    drop(writer);
    let mut left = 0;
    let mut buffer = [0; 8192];
    loop {
        match read(&reader, &mut buffer).unwrap() {
            0 => return (done, left),
            count => left += count,
        }
    }
}

/// A plain answer to the request, to see whether it still waits.
fn plain(device: BorrowedFd<'_>, unique: u64) -> Result<usize, Errno> {
    write(device, &message(16 + 5, 0, unique, b"plain"))
}

const EINVAL: Result<usize, Errno> = Err(Errno::EINVAL);

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_good_message_is_taken_whole() {
    let got = first_read(|unique, kernel| {
        let good = message(16 + 4, 0, unique, b"good");
        assert_eq!(spliced(kernel.device, &good, 20), (Ok(20), 0));
        assert_eq!(plain(kernel.device, unique), Err(Errno::ENOENT), "there is one answer");
    });
    assert_eq!(got.unwrap(), b"good");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn more_than_the_pipe_holds_is_refused_and_nothing_happens() {
    let got = first_read(|unique, kernel| {
        let good = message(16 + 4, 0, unique, b"good");
        assert_eq!(spliced(kernel.device, &good, 21), (EINVAL, 20), "the pipe is untouched");
        assert_eq!(plain(kernel.device, unique), Ok(21), "the request still waits");
    });
    assert_eq!(got.unwrap(), b"plain");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_wrong_length_or_a_wrong_errno_eats_the_pipe_and_leaves_the_request() {
    type Wrong = fn(u64) -> Vec<u8>;
    let wrong: [(&str, Wrong); 4] = [
        ("too long a length", |unique| message(16 + 5, 0, unique, b"good")),
        ("too short a length", |unique| message(16 + 3, 0, unique, b"good")),
        ("a positive errno", |unique| message(16, 5, unique, b"")),
        ("no errno at all", |unique| message(16, -512, unique, b"")),
    ];
    for (name, wrong) in wrong {
        let got = first_read(|unique, kernel| {
            let message = wrong(unique);
            let done = spliced(kernel.device, &message, message.len());
            assert_eq!(done, (EINVAL, 0), "{name}: the pipe is empty");
            assert_eq!(plain(kernel.device, unique), Ok(21), "{name}: the request still waits");
        });
        assert_eq!(got.unwrap(), b"plain", "{name}");
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn too_much_data_or_data_with_an_error_end_the_request() {
    let got = first_read(|unique, kernel| {
        let long = message(16 + 4097, 0, unique, &[7; 4097]);
        assert_eq!(spliced(kernel.device, &long, long.len()), (EINVAL, 0));
        assert_eq!(plain(kernel.device, unique), Err(Errno::ENOENT), "it has ended");
    });
    assert_eq!(got.unwrap_err().raw_os_error(), Some(libc::EIO));
    let got = first_read(|unique, kernel| {
        let both = message(16 + 4, -libc::EACCES, unique, b"data");
        assert_eq!(spliced(kernel.device, &both, both.len()), (EINVAL, 0));
        assert_eq!(plain(kernel.device, unique), Err(Errno::ENOENT), "it has ended");
    });
    assert!(got.is_err());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn an_answer_to_nobody_is_unwanted() {
    let got = first_read(|unique, kernel| {
        let nobody = message(16 + 4, 0, unique + 1000, b"good");
        assert_eq!(spliced(kernel.device, &nobody, 20), (Err(Errno::ENOENT), 0));
        assert_eq!(plain(kernel.device, unique), Ok(21));
    });
    assert_eq!(got.unwrap(), b"plain");
}

/// An answer from a file with `have` bytes, or from a socket that has them, of at most `len`.
fn answer(stream: bool, have: usize, len: usize) -> Answer {
    let bytes = vec![b'd'; have];
    let (fd, offset): (OwnedFd, _) = if stream {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        theirs.write_all(&bytes).unwrap();
        (ours.into(), None)
    } else {
        let path = std::env::temp_dir().join("data");
        std::fs::write(&path, bytes).unwrap();
        (File::open(path).unwrap().into(), Some(0))
    };
    Answer::from(Data::From { fd: Arc::new(fd), offset, len })
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn on_each_row_the_path_leaves_one_answer_and_no_poisoned_pipe() {
    for stream in [false, true] {
        // Short: at the end of a file, or what a stream has.
        let got = first_read(|unique, kernel| {
            kernel.splice.send(unique, Ok(&answer(stream, 100, 4096))).unwrap();
            assert_eq!(plain(kernel.device, unique), Err(Errno::ENOENT), "it was answered");
        });
        assert_eq!(got.unwrap(), [b'd'; 100]);
        // For nobody. The lane must be good, or gone, for the next.
        let got = first_read(|unique, kernel| {
            kernel.splice.send(unique + 1000, Ok(&answer(stream, 4096, 4096))).unwrap();
            kernel.splice.send(unique, Ok(&answer(stream, 4096, 4096))).unwrap();
        });
        assert_eq!(got.unwrap(), [b'd'; 4096]);
        // Longer than the READ: the kernel ends it with EIO. The path may say so, and must not hang.
        let got = first_read(|unique, kernel| {
            let _ = kernel.splice.send(unique, Ok(&answer(stream, 5000, 5000)));
            assert_eq!(plain(kernel.device, unique), Err(Errno::ENOENT), "it has ended");
        });
        assert_eq!(got.unwrap_err().raw_os_error(), Some(libc::EIO));
    }
    // A stream that has nothing, and does not want to be waited for.
    let got = first_read(|unique, kernel| {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let data = Data::From { fd: Arc::new(ours.into()), offset: None, len: 4096 };
        kernel.splice.send(unique, Ok(&Answer::from(data))).unwrap();
    });
    assert_eq!(got.unwrap(), b"", "its peer has closed");
    // A source that cannot be read: its error is the answer.
    let got = first_read(|unique, kernel| {
        let directory = File::open("/").unwrap();
        let data = Data::From { fd: Arc::new(directory.into()), offset: Some(0), len: 4096 };
        let sent = kernel.splice.send(unique, Ok(&Answer::from(data)));
        if sent.is_err() {
            assert!(plain(kernel.device, unique).is_ok(), "the caller answers");
        }
    });
    assert!(got.is_err() || got.unwrap() == b"plain");
}
