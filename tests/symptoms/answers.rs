//! Errors that come from an answer: one that was sent, one that was not, one that the kernel did not take.

use std::ffi::OsStr;
use std::fmt::Write;
use std::sync::Mutex;
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::stat;
use nix::unistd::write;
use step01_device::{BUFFER_SIZE, Device, Mount};
use step02_wire::abi::*;
use step02_wire::{Operation, decode, encode};
use step03_handshake::{TracedDevice, Wishes, handshake};
use step05_server::{Data, Files, Filesystem, Session};
use zerocopy::IntoBytes;

use super::{Terminal, assert_same, hello};
use crate::in_process::serving_on;
use crate::recorded::books_dir;
use crate::step05::Forgetful;

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_is_not_implemented_says_so() {
    let server = hello();
    let mut terminal = Terminal::default();
    terminal.types("mkdir /tmp/m/new");
    assert!(server.interrupt().unwrap().success());
    assert_same("not_implemented", &terminal.0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_forgotten_answer_is_an_input_output_error() {
    let session = Session::mount(&books_dir(), "forgetful", &[], None).unwrap();
    let mut terminal = Terminal::default();
    serving_on(session, &Forgetful, |_| terminal.types("ls /tmp/m/any"));
    assert_same("io_error", &terminal.0);
}

/// One file, `log`, of which the server keeps nothing as soon as its name is gone.
struct Hasty {
    there: Mutex<bool>,
}

impl Hasty {
    fn known(&self, node: u64) -> Result<(), Errno> {
        if node == ROOT_ID || *self.there.lock().unwrap() { Ok(()) } else { Err(Errno::ESTALE) }
    }

    fn attr(node: u64) -> Attr {
        let mode = if node == ROOT_ID { libc::S_IFDIR | 0o755 } else { libc::S_IFREG | 0o644 };
        Attr { ino: node, mode, nlink: 1, size: 5, ..Attr::default() }
    }
}

impl Filesystem for Hasty {
    fn lookup(&self, _: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        match *self.there.lock().unwrap() && name == "log" {
            true => Ok(EntryOut { nodeid: 2, attr: Hasty::attr(2), ..EntryOut::default() }),
            false => Err(Errno::ENOENT),
        }
    }

    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        self.known(header.nodeid)?;
        Ok(AttrOut { attr: Hasty::attr(header.nodeid), ..AttrOut::default() })
    }

    fn read(&self, header: &InHeader, _: &ReadIn) -> Result<Data, Errno> {
        self.known(header.nodeid)?;
        Ok(Data::Bytes(b"text\n".to_vec()))
    }

    fn unlink(&self, _: &InHeader, _: &OsStr) -> Result<(), Errno> {
        *self.there.lock().unwrap() = false;
        Ok(())
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_node_that_went_too_early_is_stale() {
    let session = Session::mount(&books_dir(), "hasty", &[], None).unwrap();
    let hasty = Files(Hasty { there: Mutex::new(true) });
    let mut terminal = Terminal::default();
    // Opens it, removes it, and reads it all the same.
    serving_on(session, &hasty, |_| terminal.types("visit hold /tmp/m/log"));
    assert_same("stale", &terminal.0);
}

/// A message of the kernel's form, with a length in its header that may be wrong.
fn message(length: u32, unique: u64, body: &[u8]) -> Vec<u8> {
    [OutHeader { len: length, error: 0, unique }.as_bytes(), body].concat()
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_the_kernel_does_not_take_is_invalid() {
    let dir = books_dir();
    let device = Device::open().unwrap();
    let mount = Mount::new(&device, &dir, "wrong", &[]).unwrap();
    // Both ask for the attributes of the root.
    let clients = thread::spawn(move || [stat(&dir).map(|_| ()), stat(&dir).map(|_| ())]);
    let device = TracedDevice::new(device, None);
    let mut buffer = vec![0; BUFFER_SIZE];
    handshake(&device, &mut buffer, &Wishes::default()).unwrap();

    let attr = Attr { ino: 1, mode: libc::S_IFDIR | 0o755, nlink: 2, ..Attr::default() };
    let right = AttrOut { attr, ..AttrOut::default() };
    let body = right.as_bytes();
    let whole = 16 + body.len() as u32;
    let said = |result: Result<usize, Errno>| match result {
        Ok(taken) => taken.to_string(),
        Err(errno) => errno.to_string(),
    };
    let mut told = String::new();
    let mut answers = |first: &dyn Fn(u64) -> Vec<u8>, told: &mut String| {
        let (header, operation) = decode(device.read_message(&mut buffer).unwrap()).unwrap();
        assert!(matches!(operation, Operation::Getattr { .. }));
        let (unique, wrong) = (header.unique, first(header.unique));
        let length = u32::from_ne_bytes(wrong[..4].try_into().unwrap());
        writeln!(told, "GETATTR, answered by {} bytes whose length says {length}", wrong.len())
            .unwrap();
        writeln!(told, "  write(/dev/fuse) = {}", said(write(&device, &wrong))).unwrap();
        let again = encode::reply_with(unique, &right);
        writeln!(told, "  the right answer after it = {}", said(write(&device, &again))).unwrap();
    };
    answers(&|unique| message(whole - 1, unique, body), &mut told);
    answers(&|unique| message(whole - 1, unique, &body[1..]), &mut told);
    let [first, second] = clients.join().unwrap();
    drop(mount);
    let seen = |result: Result<(), Errno>| match result {
        Ok(()) => "ok".to_owned(),
        Err(errno) => std::io::Error::from(errno).to_string(),
    };
    writeln!(told, "what the clients see: {}, then {}", seen(first), seen(second)).unwrap();
    assert_same("answer", &told);
}
