//! A signal arrives while an answer is fetched from a stream.

use std::fs;
use std::io::{Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::thread::JoinHandleExt;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::{gettid, read};
use step01_device::Device;
use step02_wire::encode;
use step03_handshake::TracedDevice;
use step05_server::{Answer, Data, ReplyPath, WritePath};

extern "C" fn nothing(_: libc::c_int) {}

#[test]
fn a_signal_is_neither_an_end_nor_an_error() {
    // Without SA_RESTART: a read(2) that waits ends with EINTR.
    let handled = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGUSR1, &handled) }.unwrap();

    let (sent, device) = pipe().unwrap();
    let device = TracedDevice::new(Device::from(OwnedFd::from(device)), None);
    let (stream, mut source) = pipe().unwrap();
    let stream = Arc::new(OwnedFd::from(stream));
    let answer = Answer::from(Data::From { fd: Arc::clone(&stream), offset: None, len: 100 });
    let (sender, receiver) = channel();
    let answering = thread::spawn(move || {
        sender.send(gettid()).unwrap();
        WritePath::new(Arc::new(device)).send(7, Ok(&answer))
    });

    let status = format!("/proc/self/task/{}/status", receiver.recv().unwrap());
    let waits = || fs::read_to_string(&status).is_ok_and(|status| status.contains("State:\tS"));
    while !answering.is_finished() && !waits() {
        thread::sleep(Duration::from_millis(1));
    }
    // SAFETY: the thread was not joined yet.
    unsafe { libc::pthread_kill(answering.as_pthread_t(), libc::SIGUSR1) };
    // Time for it to end, if it takes the signal for that.
    thread::sleep(Duration::from_millis(50));
    source.write_all(b"some").unwrap();
    let answered = answering.join().unwrap().map_err(|error| error.to_string());
    assert_eq!(answered, Ok(()), "read(2) was interrupted, and has to be made again");

    let mut buffer = [0; 200];
    let length = read(&sent, &mut buffer).unwrap();
    let expected = encode::reply(7, b"some");
    assert_eq!(buffer[..length], expected, "what comes after the signal is the answer");
}
