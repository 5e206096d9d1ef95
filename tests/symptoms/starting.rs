//! A server that does not start, a client that may not enter, a server whose mount is gone.

use std::process::Command;

use nix::mount::{MntFlags, umount2};
use nix::unistd::read;
use step01_device::{BUFFER_SIZE, Device, Mount};
use step03_handshake::{Wishes, handshake};

use super::{Terminal, as_somebody, assert_same, command, hello};
use crate::recorded::books_dir;
use crate::step01::{everybodys_device, own_dev};
use crate::step13::everybodys;
use crate::step13::unprivileged::make_ready;

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn mount_is_for_root() {
    books_dir();
    let mut step01 = Command::new(everybodys("step01-device"));
    everybodys_device();
    let mut terminal = Terminal::default();
    terminal.types_as("step01-device /tmp/m", as_somebody(step01.arg("/tmp/m")));
    assert_same("not_root", &terminal.0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn there_is_no_device() {
    books_dir();
    own_dev();
    let mut terminal = Terminal::default();
    terminal.types("step01-device /tmp/m");
    assert_same("no_device", &terminal.0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn there_is_no_helper() {
    books_dir();
    make_ready();
    let mut fuse714 = Command::new(everybodys("fuse714"));
    fuse714.args(["mem", "/tmp/m"]).env("PATH", "/no/such/place");
    let mut terminal = Terminal::default();
    terminal.types_as("fuse714 mem /tmp/m", as_somebody(&mut fuse714));
    assert_same("no_helper", &terminal.0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn others_may_not_enter() {
    let server = hello();
    let mut terminal = Terminal::default();
    terminal.types("ls /tmp/m");
    terminal.notes("and somebody else");
    terminal.types_as("ls /tmp/m", as_somebody(&mut command("ls /tmp/m")));
    assert!(server.interrupt().unwrap().success());
    assert_same("others", &terminal.0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn there_is_nothing_to_read_after_the_end() {
    let dir = books_dir();
    let device = Device::open().unwrap();
    let mount = Mount::new(&device, &dir, "test", &[]).unwrap();
    let device = step03_handshake::TracedDevice::new(device, None);
    let mut buffer = vec![0; BUFFER_SIZE];
    handshake(&device, &mut buffer, &Wishes::default()).unwrap();
    umount2(&dir, MntFlags::empty()).unwrap();
    let errno = read(&device, &mut buffer).unwrap_err();
    drop(mount);
    let read = format!("after umount /tmp/m: read(/dev/fuse) = {errno}\n");
    assert_same("unmounted", &read);
}
