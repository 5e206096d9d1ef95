//! Tests of the rig: each must end in another way, and `cargo xtask vm-test --self-test` asserts that
//! the rig says so. A rig that never saw red is not trusted.

#[allow(dead_code)] // the self-test uses a part of it
mod visitor;

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use step01_device::{BUFFER_SIZE, Device, Mount};
use step02_wire::abi::AttrOut;
use step02_wire::{Opcode, TraceStyle, decode, encode};
use step03_handshake::{TracedDevice, Wishes, handshake};

use visitor::{fresh_dir, serve, stderr, stdout, visit};

#[test]
#[ignore = "tests the rig: cargo xtask vm-test --self-test"]
fn a_passes() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let seen = visit("cat", &dir.join("hello.txt"));
    assert_eq!(stdout(&seen), "Hello from user space!\n", "{}", stderr(&seen));
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "tests the rig: cargo xtask vm-test --self-test"]
fn b_fails() {
    assert_eq!(1, 2, "as it must");
}

#[test]
#[ignore = "tests the rig: cargo xtask vm-test --self-test"]
fn c_hangs_on_a_getattr_that_is_never_answered() {
    let dir = fresh_dir("mnt");
    let device = Device::open().unwrap();
    let _mount = Mount::new(&device, &dir, "mute", &[]).unwrap();
    let device = TracedDevice::new(device, Some(TraceStyle::Stable));
    thread::spawn(move || {
        let mut buffer = vec![0; BUFFER_SIZE];
        handshake(&device, &mut buffer, &Wishes::default()).unwrap();
        // Until pid 1 ends the connection.
        while let Ok(message) = device.read_message(&mut buffer) {
            let (header, _) = decode(message).unwrap();
            assert_eq!(header.opcode, Opcode::Getattr as u32);
        }
    });
    let _ = nix::sys::stat::stat(&dir);
}

#[test]
#[ignore = "tests the rig: cargo xtask vm-test --self-test"]
fn d_leaves_a_mount_behind() {
    std::mem::forget(serve("step04-hello", &fresh_dir("mnt")));
}

/// No real trouble: a line in the kernel's log that reads like it.
#[test]
#[ignore = "tests the rig: cargo xtask vm-test --self-test"]
fn e_makes_the_kernel_complain() {
    fs::write("/dev/kmsg", "<4>WARNING: CPU: 0 PID: 1 at a test of the rig\n").unwrap();
}

#[test]
#[ignore = "tests the rig: cargo xtask vm-test --self-test"]
fn f_passes_in_a_guest_that_was_cleared_up() {
    assert!(!fs::read_to_string("/proc/mounts").unwrap().contains(" fuse "));
    assert!(Path::new("/sys/fs/fuse/connections").read_dir().unwrap().next().is_none());
}

#[test]
#[ignore = "tests the rig: cargo xtask vm-test --self-test"]
fn g_crashes_the_kernel() {
    println!("its last words");
    // Pid 1 hands them on, and nothing would tell us that it has: a crash at once may be quicker.
    thread::sleep(Duration::from_secs(1));
    fs::write("/proc/sysrq-trigger", "c").unwrap();
}

#[test]
#[ignore = "tests the rig: cargo xtask vm-test --self-test"]
fn h_is_never_reached() {}

/// For the witness, which must name the field.
#[test]
#[ignore = "tests the rig: cargo xtask vm-test --self-test"]
fn i_answers_with_a_wrong_len() {
    let dir = fresh_dir("mnt");
    let device = Device::open().unwrap();
    let _mount = Mount::new(&device, &dir, "liar", &[]).unwrap();
    let device = TracedDevice::new(device, None);
    thread::spawn(move || {
        let mut buffer = vec![0; BUFFER_SIZE];
        handshake(&device, &mut buffer, &Wishes::default()).unwrap();
        while let Ok(message) = device.read_message(&mut buffer) {
            let (header, _) = decode(message).unwrap();
            let mut reply = encode::reply_with(header.unique, &AttrOut::default());
            reply[0] = 40;
            assert!(device.write_message(&reply).is_err(), "the kernel compares");
            device.write_message(&encode::error(header.unique, Errno::EIO)).unwrap();
        }
    });
    nix::sys::stat::stat(&dir).unwrap();
}
