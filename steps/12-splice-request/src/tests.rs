//! Payloads without a kernel behind them: a pipe is a pipe.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;

use step05_server::Payload;
use step10_pipe::Pipe;

use crate::payload::InPipe;

#[test]
fn a_payload_is_written_where_it_belongs_and_the_pipe_comes_home() {
    let mut file = tempfile::tempfile().unwrap();
    let mut home = None;
    let pipe = Pipe::new().unwrap().write(b"payload").unwrap();
    let mut payload = InPipe::new(pipe, &mut home);
    assert_eq!(payload.write_to(file.as_fd(), 3).unwrap(), 7);
    drop(payload);
    assert!(home.is_some());
    let mut written = Vec::new();
    file.read_to_end(&mut written).unwrap();
    assert_eq!(written, b"\0\0\0payload");
}

#[test]
fn a_payload_can_be_read_instead() {
    let mut home = None;
    let pipe = Pipe::new().unwrap().write(b"payload").unwrap();
    let mut payload = InPipe::new(pipe, &mut home);
    for asked in ["the first time", "once more"] {
        let bytes = String::from_utf8_lossy(payload.bytes().unwrap());
        assert_eq!(bytes, "payload", "asked {asked}");
    }
    drop(payload);
    assert!(home.is_some(), "the pipe is empty, and does not come home");
}

#[test]
fn a_pipe_with_something_left_in_it_does_not_come_home() {
    let mut home = None;
    drop(InPipe::new(Pipe::new().unwrap().write(b"payload").unwrap(), &mut home));
    assert!(home.is_none());
}

#[test]
fn a_target_that_cannot_be_spliced_to_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    // To such a descriptor splice(2) is EINVAL.
    let append = File::options().create(true).append(true).open(&path).unwrap();
    let mut home = None;
    let pipe = Pipe::new().unwrap().write(b"payload").unwrap();
    let mut payload = InPipe::new(pipe, &mut home);
    assert_eq!(payload.write_to(append.as_fd(), 0).unwrap(), 7, "all of it, from memory");
    drop(payload);
    assert_eq!(std::fs::read(&path).unwrap(), b"payload");

    let read_only = File::open(&path).unwrap();
    let pipe = Pipe::new().unwrap().write(b"payload").unwrap();
    assert!(InPipe::new(pipe, &mut home).write_to(read_only.as_fd(), 0).is_err());
}
