//! How the trace uses stderr. Each test starts itself once more, with a stderr of its own, and prints there.

use std::env;
use std::fmt::{self, Display};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::panic;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use nix::fcntl::OFlag;
use nix::unistd::{pipe2, read};
use step01_device::Device;
use step02_wire::TraceStyle;
use step03_handshake::TracedDevice;

/// Is set for the process that prints.
const PRINTS: &str = "PRINTS";

fn traced() -> TracedDevice {
    let device = Device::from(OwnedFd::from(File::open("/dev/null").unwrap()));
    TracedDevice::new(device, Some(TraceStyle::Stable))
}

/// This test once more, as a process that prints.
fn again(test: &str, stderr: OwnedFd) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(PRINTS, "yes");
    command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap()
}

/// What each write(2) to its stderr was, and how it ended.
fn writes_of(test: &str) -> (Vec<String>, ExitStatus) {
    // A pipe with O_DIRECT keeps them apart: each read(2) gives what one write(2) put there.
    let (reader, writer) = pipe2(OFlag::O_DIRECT | OFlag::O_CLOEXEC).unwrap();
    let mut child = again(test, writer);
    let (mut writes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match read(&reader, &mut buffer).unwrap() {
            0 => return (writes, child.wait().unwrap()),
            count => writes.push(String::from_utf8_lossy(&buffer[..count]).into_owned()),
        }
    }
}

#[test]
fn a_line_is_one_write() {
    if env::var_os(PRINTS).is_some() {
        let device = traced();
        device.note(format_args!("one"));
        return device.note(format_args!("and another"));
    }
    let (writes, status) = writes_of("a_line_is_one_write");
    assert_eq!(writes, ["one\n", "and another\n"], "each line with its newline: one write(2)");
    assert!(status.success(), "{status}");
}

#[test]
fn without_stderr_the_server_goes_on() {
    if env::var_os(PRINTS).is_some() {
        return traced().note(format_args!("for nobody"));
    }
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
    drop(reader);
    let status = again("without_stderr_the_server_goes_on", writer).wait().unwrap();
    assert!(status.success(), "stderr is gone, and with it who printed there: {status}");
}

/// What cannot be printed.
struct Bomb;

impl Display for Bomb {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("on purpose")
    }
}

#[test]
fn a_panic_of_another_thread_does_not_end_the_trace() {
    if env::var_os(PRINTS).is_some() {
        let device = traced();
        let said = panic::take_hook();
        panic::set_hook(Box::new(|_| ()));
        thread::scope(|scope| {
            assert!(scope.spawn(|| device.note(format_args!("{Bomb}"))).join().is_err());
        });
        panic::set_hook(said);
        return device.note(format_args!("still here"));
    }
    let (writes, status) = writes_of("a_panic_of_another_thread_does_not_end_the_trace");
    assert_eq!(writes, ["still here\n"], "another thread has panicked in the middle of a line");
    assert!(status.success(), "{status}");
}

#[test]
fn without_a_trace_no_line_is_made() {
    let device = Device::from(OwnedFd::from(File::open("/dev/null").unwrap()));
    // It would panic.
    TracedDevice::new(device, None).note(format_args!("{Bomb}"));
}
