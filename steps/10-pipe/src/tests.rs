//! Pipes need no kernel but the one that runs the tests.

use std::fs::File;
use std::io::{Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::fcntl::SpliceFFlags;
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::*;

/// A file of pages that differ.
fn file(len: usize) -> File {
    let mut file = File::from(memfd_create(c"test", MFdFlags::MFD_CLOEXEC).unwrap());
    file.write_all(&bytes(0, len)).unwrap();
    file
}

fn bytes(from: usize, len: usize) -> Vec<u8> {
    (from..from + len).map(|n| (n * 7 + n / 4096) as u8).collect()
}

#[test]
fn a_header_and_a_file_come_out_as_they_went_in() {
    let file = file(3 * PAGE);
    let mut pipe = Pipe::new().unwrap().write(b"header").unwrap();
    let taken = pipe.take(file.as_fd(), Some(100), 2 * PAGE);
    assert_eq!(taken, Taken { bytes: 2 * PAGE, stop: Stop::Enough });
    assert_eq!(pipe.len(), 2 * PAGE + 6);
    assert_eq!(pipe.counted().unwrap(), pipe.len());
    let mut header = [0; 6];
    assert_eq!(pipe.read(&mut header).unwrap(), 6);
    assert_eq!(&header, b"header");
    let (data, empty) = pipe.read_all().unwrap();
    assert_eq!(data, bytes(100, 2 * PAGE));
    // And it is good for the next message.
    let (data, _) = empty.write(b"next").unwrap().read_all().unwrap();
    assert_eq!(data, b"next");
}

#[test]
fn four_reasons_to_stop() {
    let file = file(20 * PAGE);
    let end = |offset, len| Pipe::new().unwrap().take(file.as_fd(), Some(offset), len).1;
    assert_eq!(end(0, 10), Taken { bytes: 10, stop: Stop::Enough });
    assert_eq!(end(20 * PAGE as u64 - 7, 10), Taken { bytes: 7, stop: Stop::EndOfData });
    assert_eq!(end(1 << 40, 10), Taken { bytes: 0, stop: Stop::EndOfData });
    assert_eq!(end(0, 20 * PAGE), Taken { bytes: 16 * PAGE, stop: Stop::PipeFull });
    let invalid = Taken { bytes: 0, stop: Stop::SourceError(Errno::EINVAL) };
    assert_eq!(end(u64::MAX, 10), invalid);

    let write_only = File::create("/dev/null").unwrap();
    let (_, taken) = Pipe::new().unwrap().take(write_only.as_fd(), None, 10);
    assert!(matches!(taken, Taken { bytes: 0, stop: Stop::SourceError(_) }), "{taken:?}");

    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"some").unwrap();
    let mut pipe = Pipe::new().unwrap().write(b"header").unwrap();
    assert_eq!(pipe.take(ours.as_fd(), None, 100), Taken { bytes: 4, stop: Stop::SourceEmpty });
    ours.set_nonblocking(true).unwrap();
    assert_eq!(pipe.take(ours.as_fd(), None, 100), Taken { bytes: 0, stop: Stop::SourceEmpty });
    drop(theirs);
    assert_eq!(pipe.take(ours.as_fd(), None, 100), Taken { bytes: 0, stop: Stop::EndOfData });
}

#[test]
fn the_first_bytes_of_a_blocking_stream_are_waited_for() {
    let (reader, mut writer) = pipe().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            writer.write_all(b"late").unwrap();
        });
        let (pipe, taken) = Pipe::new().unwrap().take(reader.as_fd(), None, 100);
        assert_eq!(taken.bytes, 4);
        assert_eq!(pipe.read_all().unwrap().0, b"late");
    });
}

#[test]
fn what_is_given_away_is_given_whole() {
    let file = file(PAGE);
    let (pipe, _) = Pipe::new().unwrap().take(file.as_fd(), Some(0), PAGE);
    let (reader, writer) = std::io::pipe().unwrap();
    assert!(pipe.give(writer.as_fd(), SpliceFFlags::empty()).is_ok());
    let (copy, taken) = Pipe::new().unwrap().take(reader.as_fd(), None, 2 * PAGE);
    assert_eq!(taken, Taken { bytes: PAGE, stop: Stop::SourceEmpty });
    // To a closed pipe nothing goes, and all is still there.
    drop(reader);
    let (copy, errno) = copy.give(writer.as_fd(), SpliceFFlags::empty()).unwrap_err();
    assert_eq!((errno, copy.counted().unwrap()), (Errno::EPIPE, PAGE));
    assert_eq!(copy.read_all().unwrap().0, bytes(0, PAGE));
}

#[test]
fn a_copy_goes_in_whole_or_not_at_all() {
    let (all, _) = Pipe::new().unwrap().write(&bytes(0, 16 * PAGE)).unwrap().read_all().unwrap();
    assert_eq!(all, bytes(0, 16 * PAGE));
    let too_much = Pipe::new().unwrap().write(&bytes(0, 16 * PAGE + 1));
    let errno = too_much.err().and_then(|error| error.raw_os_error()).map(Errno::from_raw);
    assert_eq!(errno, Some(Errno::EAGAIN), "a byte more than fits");
}

#[test]
fn a_message_is_received_or_the_empty_pipe_comes_back() {
    let (reader, mut writer) = pipe().unwrap();
    let (empty, errno) = Pipe::new().unwrap().receive(reader.as_fd(), 100).unwrap_err();
    assert_eq!(errno, Errno::EAGAIN);
    writer.write_all(b"message").unwrap();
    let message = empty.receive(reader.as_fd(), 100).unwrap();
    assert_eq!(message.len(), 7, "as many bytes as came, whatever there was room for");
    assert_eq!(message.read_all().unwrap().0, b"message");
}

#[test]
fn pages_are_shared_and_poured() {
    let file = file(3 * PAGE);
    let (pipe, _) = Pipe::new().unwrap().take(file.as_fd(), Some(0), 3 * PAGE);
    let shared = pipe.share_with(Pipe::new().unwrap()).unwrap();
    assert_eq!(shared.len(), 3 * PAGE);
    let mut other = Pipe::new().unwrap().write(b"before").unwrap();
    pipe.pour_into(&mut other).unwrap();
    let expected = [b"before", &bytes(0, 3 * PAGE)[..]].concat();
    assert_eq!(other.read_all().unwrap().0, expected);
    assert_eq!(shared.read_all().unwrap().0, bytes(0, 3 * PAGE));
}

#[test]
fn a_place_in_a_file_is_written() {
    let (source, target) = (file(PAGE), file(3 * PAGE));
    let (mut pipe, _) = Pipe::new().unwrap().take(source.as_fd(), Some(0), PAGE);
    // What does not go is still there.
    assert_eq!(pipe.give_some(target.as_fd(), u64::MAX, PAGE), Err(Errno::EFBIG));
    let read_only = File::open("/dev/null").unwrap();
    assert_eq!(pipe.give_some(read_only.as_fd(), 0, PAGE), Err(Errno::EBADF));
    assert_eq!(pipe.len(), PAGE, "nothing has gone");
    while !pipe.is_empty() {
        let at = 50 + (PAGE - pipe.len()) as u64;
        assert!(pipe.give_some(target.as_fd(), at, 1000).unwrap() <= 1000);
    }
    assert_eq!(pipe.give_some(target.as_fd(), 0, PAGE), Ok(0), "nothing is left");
    assert!(pipe.emptied().is_some());
    let mut back = vec![0; PAGE];
    std::os::unix::fs::FileExt::read_exact_at(&target, &mut back, 50).unwrap();
    assert!(back == bytes(0, PAGE), "they are not where they belong: from byte 50 on");
}

#[test]
fn a_header_changes_in_the_pipe() {
    assert_eq!(probe_vmsplice(), Vmsplice::ByReference, "on the kernels of this kit");
    assert_eq!(probe_splice(), Ok(()));
    let mut slot = Slot::new().unwrap();
    slot.set(b"sixteen letters.");
    let pipe = Pipe::new().unwrap().refer_to(&slot).unwrap();
    slot.set(b"other letters!!!");
    assert_eq!(pipe.read_all().unwrap().0, b"other letters!!!");
    assert_eq!(slot.bytes(), b"other letters!!!");
    // The page outlives the slot.
    let pipe = Pipe::new().unwrap().refer_to(&slot).unwrap();
    drop(slot);
    assert_eq!(pipe.read_all().unwrap().0, b"other letters!!!");
}

#[test]
fn it_grows() {
    let mut pipe = Pipe::new().unwrap();
    assert_eq!(pipe.grow(34 * PAGE).unwrap(), 64 * PAGE, "rounded up to a power of two");
    assert_eq!((pipe.slots().unwrap(), pipe.capacity().unwrap()), (64, 64 * PAGE));
    assert!(pipe.grow(1 << 31).is_err());
    assert_eq!(pipe.slots().unwrap(), 64);
}
