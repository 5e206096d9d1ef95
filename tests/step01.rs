//! Step 01: the first message, and every way in which mounting can go wrong.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use kernel_tests::{is_mounted, programs};
use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::Pid;
use step01_device::{BUFFER_SIZE, Device, Mount, Written};
use step02_wire::{Trace, TraceStyle, decode, encode};

use crate::in_bytes::Log;
use crate::recorded::{
    assert_recorded, books_dir, in_a_process_namespace, stat_in_a_thread, waits,
};
use crate::visitor::{fresh_dir, output, program, serve, stderr, stdout, until_it_waits};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn shows_the_first_message_and_answers_it() {
    let dir = books_dir();
    in_a_process_namespace();
    let output = output(program("step01-device").arg("--trace").arg(&dir));
    let (shown, trace) = (stdout(&output), stderr(&output));
    assert!(output.status.success(), "{trace}");
    // Opcode 26 is INIT; the major version, 7, stands at 0x28.
    let lines: Vec<_> = shown.lines().filter(|line| line.starts_with("│ 00")).collect();
    assert!(lines[0].contains(" 00 00 00 1a 00 00 00 ┊"), "{shown}");
    assert!(lines[2].contains("┊ 07 00 00 00"), "{shown}");
    // The answer, with the same unique.
    let last = lines.last().unwrap();
    assert!(last.contains("10 00 00 00 b9 ff ff ff ┊ 02 00 00 00 00 00 00 00"), "{shown}");
    assert!(trace.contains("write(/dev/fuse, …, 16) = 16"), "{trace}");
    assert!(!is_mounted(&dir).unwrap());
    assert_recorded("step01__output", &shown);
    assert_recorded("step01__trace", &trace);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_client_waits_for_as_long_as_nobody_answers() {
    let dir = books_dir();
    let device = Device::open().unwrap();
    let mount = Mount::new(&device, &dir, "nobody", &[]).unwrap();
    let (client, thread) = stat_in_a_thread(dir);
    let waits = waits(thread);
    drop(mount);
    let errno = client.join().unwrap().unwrap_err();
    let told =
        format!("stat(\"/tmp/m\") waits in {waits}\nafter umount: stat(\"/tmp/m\") = {errno}\n");
    assert_recorded("step01__hang", &told);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn an_answer_that_nobody_waits_for_is_no_error() {
    let device = Device::open().unwrap();
    let _mount = Mount::new(&device, &fresh_dir("mnt"), "twice", &[]).unwrap();
    let mut buffer = vec![0; BUFFER_SIZE];
    let init = device.read_message(&mut buffer).unwrap();
    let answer = encode::error(decode(init).unwrap().0.unique, Errno::EPROTO);
    let written = |message| device.write_message(message).map_err(|error| error.raw_os_error());
    assert_eq!(
        written(&answer[..15]),
        Err(Some(Errno::EINVAL as i32)),
        "too short for a header: the request still waits"
    );
    assert_eq!(written(&answer), Ok(Written::Taken));
    assert_eq!(written(&answer), Ok(Written::Unwanted), "the same once more");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_mount_that_was_never_answered_goes_with_its_owner() {
    let dir = fresh_dir("mnt");
    let device = Device::open().unwrap();
    let mount = Mount::new(&device, &dir, "nobody", &[]).unwrap();
    // The last end of the connection: from here on the mount is dead, and it is still ours.
    drop(device);
    drop(mount);
    assert!(!is_mounted(&dir).unwrap());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_that_nobody_joins() {
    let (dir, log) = (books_dir(), Log::new());
    let device = Device::open().unwrap();
    let mount = Mount::new(&device, &dir, "nobody", &[]).unwrap();
    log.say("# mount /tmp/m");
    let mut buffer = vec![0; BUFFER_SIZE];
    let init = device.read_message(&mut buffer).unwrap();
    log.say(&Trace::new(TraceStyle::Bytes).request(init));
    log.say("$ ls /tmp/m");
    let mut client = program("visit");
    let client = client.arg("ls").arg(&dir).stderr(Stdio::piped()).spawn().unwrap();
    until_it_waits(Pid::from_raw(client.id() as i32));
    log.say("# umount /tmp/m");
    drop(mount);
    stderr(&client.wait_with_output().unwrap()).lines().for_each(|line| log.say(line));
    log.assert_recorded("step01__hang", 1);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_read_with_too_little_room_gets_einval_for_ever() {
    let device = Device::open().unwrap();
    let _mount = Mount::new(&device, &fresh_dir("mnt"), "small", &[]).unwrap();
    let mut told = String::new();
    for room in [4096, 4096, 8191, 8192] {
        let outcome = match device.read_message(&mut vec![0; room]) {
            Ok(message) => format!("{} bytes", message.len()),
            Err(fault) => fault.to_string(),
        };
        told += &format!("room for {room}: {outcome}\n");
    }
    assert_eq!(told.matches("Invalid argument").count(), 3, "{told}");
    assert_recorded("step01__room", &told);
}

/// A /dev/fuse that everybody may open, for this thread: so it is on most machines, and not on all.
pub fn everybodys_device() {
    own_dev();
    mknod("/dev/fuse", SFlag::S_IFCHR, Mode::empty(), makedev(10, 229)).unwrap();
    fs::set_permissions("/dev/fuse", Permissions::from_mode(0o666)).unwrap();
}

/// A /dev of this thread's own, with nothing of the real one in it. The rest of the system keeps its own.
pub fn own_dev() {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
    mount(Some("empty"), "/dev", Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    // No /dev/null either, which is what output() gives a child for its stdin.
    fs::write("/dev/null", "").unwrap();
}

/// Runs step 01 where it cannot work; returns what it says.
fn fails(command: &mut Command) -> String {
    let output = output(command);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    stderr(&output)
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_missing_mount_point_is_told() {
    let error = fails(program("step01-device").arg("/no/such/place"));
    assert!(
        error.contains("cannot mount on /no/such/place: there is no such directory"),
        "{error}"
    );
    assert!(error.contains("mkdir -p /no/such/place"), "{error}");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_busy_mount_point_is_told() {
    let dir = fresh_dir("mnt");
    mount(Some("other"), &dir, Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    let error = fails(program("step01-device").arg(&dir));
    umount2(&dir, MntFlags::empty()).unwrap();
    assert!(error.contains("other (type tmpfs) is mounted there already"), "{error}");
    assert!(error.contains("sudo umount "), "{error}");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_dead_mount_is_told() {
    let dir = fresh_dir("mnt");
    serve("step04-hello", &dir).kill().unwrap();
    let error = fails(program("step01-device").arg(&dir));
    umount2(&dir, MntFlags::empty()).unwrap();
    assert!(error.contains("step04-hello (type fuse) is mounted there already"), "{error}");
    assert!(error.contains(&format!("sudo umount -l {}", dir.display())), "{error}");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn whoever_is_not_root_is_told() {
    // Where another user may go and run it: neither a clone nor $TMPDIR need be such a place.
    let place = Path::new("/tmp/fuse-by-hand-for-everybody");
    let _ = fs::remove_dir_all(place);
    fs::create_dir(place).unwrap();
    fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
    let step01 = place.join("step01-device");
    fs::copy(programs().join("step01-device"), &step01).unwrap();

    everybodys_device();
    let error = fails(Command::new(step01).arg(place).uid(1000).gid(1000));
    fs::remove_dir_all(place).unwrap();
    assert!(error.contains("mount(2) is for root"), "{error}");
    assert!(error.contains("sudo"), "{error}");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_missing_device_is_told() {
    let dir = fresh_dir("mnt");
    own_dev();
    assert!(!Path::new("/dev/fuse").exists());
    let error = fails(program("step01-device").arg(&dir));
    assert!(error.contains("cannot open /dev/fuse: No such file or directory"), "{error}");
    assert!(error.contains("sudo modprobe fuse"), "{error}");
}
