//! Step 04: hello, as its clients see it, and as it leaves.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::thread;

use kernel_tests::is_mounted;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, access};
use step01_device::{BUFFER_SIZE, Device, Mount};
use step02_wire::{Trace, TraceStyle};
use step03_handshake::{TracedDevice, Wishes, handshake};

use crate::in_bytes::InBytes;
use crate::recorded::{assert_recorded, books_dir, stat_in_a_thread, trace_of_a_visit, waits};
use crate::visitor::{fresh_dir, serve, stdout, visit};

const HELLO: &str = "Hello from user space!\n";

fn errno(result: std::io::Result<impl Sized>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn ls_and_cat_work() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    assert_eq!(stdout(&visit("ls", &dir)), "-r--r--r--  1     23 hello.txt\n");
    assert_eq!(stdout(&visit("cat", &dir.join("hello.txt"))), HELLO);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_visit() {
    let trace = trace_of_a_visit("step04-hello");
    let (init, visit): (Vec<_>, Vec<_>) = trace.lines().partition(|line| line.contains(" INIT"));
    // Each kernel offers what it has. What we agree on is the same for all.
    assert!(init[0].starts_with("→ #1 INIT(version 7."), "{trace}");
    insta::assert_snapshot!("agreement", init[1]);
    assert_recorded("step04__init", &init.join("\n"));
    insta::assert_snapshot!("visit", visit.join("\n"));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_visit_in_bytes() {
    let hello = InBytes::start("step04-hello", &[]);
    hello.visit_from_outside(&["ls", "mnt"], "RELEASEDIR = ok");
    hello.visit_from_outside(&["cat", "mnt/hello.txt"], "RELEASE = ok");
    hello.visit_from_outside(&["cat", "mnt/nothing"], "-ENOENT");
    hello.end("step04__visit");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_is_not_there_is_not_found() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    assert_eq!(errno(fs::metadata(dir.join("nothing"))), Some(libc::ENOENT));
    assert_eq!(errno(fs::metadata(dir.join("hello.txt/below"))), Some(libc::ENOTDIR));
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_file_reads_the_same_from_any_place() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let mut file = File::open(dir.join("hello.txt")).unwrap();
    let mut text = String::new();
    file.seek(SeekFrom::Start(6)).unwrap();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, &HELLO[6..]);
    assert_eq!(file.seek(SeekFrom::End(0)).unwrap(), HELLO.len() as u64);
    assert_eq!(file.read(&mut [0; 10]).unwrap(), 0);
    drop(file);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn statfs_and_access_are_answered() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let stat = statvfs(&dir).unwrap();
    assert_eq!((stat.files(), stat.name_max(), stat.block_size()), (2, 255, 4096));
    let file = dir.join("hello.txt");
    assert_eq!(access(&file, AccessFlags::R_OK), Ok(()));
    assert_eq!(access(&file, AccessFlags::W_OK), Err(nix::errno::Errno::EROFS));
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn nothing_can_be_changed() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let file = dir.join("hello.txt");
    assert_eq!(errno(fs::write(&file, "mine")), Some(libc::EROFS));
    assert_eq!(errno(fs::create_dir(dir.join("new"))), Some(libc::ENOSYS));
    assert_eq!(errno(fs::write(dir.join("new"), "")), Some(libc::ENOSYS));
    assert_eq!(errno(fs::remove_file(&file)), Some(libc::ENOSYS));
    assert_eq!(fs::read_to_string(&file).unwrap(), HELLO);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn requests_newer_than_7_14_do_not_end_the_session() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let file = File::open(dir.join("hello.txt")).unwrap();
    // LSEEK (7.24): refused, and the kernel finds the end by itself.
    // SAFETY: lseek(2) takes no pointer, and the descriptor is open.
    let hole = unsafe { libc::lseek(std::os::fd::AsRawFd::as_raw_fd(&file), 0, libc::SEEK_HOLE) };
    assert_eq!(hole, HELLO.len() as i64);
    // FALLOCATE (7.19) never gets past the read-only descriptor, so the session is asked again.
    assert!(fallocate(&file, FallocateFlags::empty(), 0, 1).is_err());
    assert_eq!(fs::read_to_string(dir.join("hello.txt")).unwrap(), HELLO);
    drop(file);
    assert!(server.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn unmounting_ends_it_well() {
    let dir = fresh_dir("mnt");
    let mut server = serve("step04-hello", &dir);
    visit("ls", &dir);
    umount2(&dir, MntFlags::empty()).unwrap();
    assert!(server.wait().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn ctrl_c_ends_it_even_with_a_client_inside() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    let file = File::open(dir.join("hello.txt")).unwrap();
    assert!(server.interrupt().unwrap().success());
    assert!(!is_mounted(&dir).unwrap());
    let after = file.metadata();
    assert!(after.is_ok() || errno(after) == Some(libc::ENOTCONN), "no call may hang");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_getattr_without_an_answer_hangs_its_client() {
    let dir = books_dir();
    let device = Device::open().unwrap();
    let mount = Mount::new(&device, &dir, "mute", &[]).unwrap();
    let (client, thread) = stat_in_a_thread(dir);

    let device = TracedDevice::new(device, Some(TraceStyle::Stable));
    let mut buffer = vec![0; BUFFER_SIZE];
    handshake(&device, &mut buffer, &Wishes::default()).unwrap();
    // Read, and not answered.
    let request = device.read_message(&mut buffer).unwrap();
    let asked = Trace::new(TraceStyle::Stable).request(request);
    let waits = waits(thread);
    drop(mount);
    let errno = client.join().unwrap().unwrap_err();
    assert_recorded(
        "step04__hang",
        &format!("{asked}\nstat(\"/tmp/m\") waits in {waits}\nafter umount: {errno}"),
    );
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_is_mounted_over_it_stays() {
    let dir = fresh_dir("mnt");
    let mut first = serve("step04-hello", &dir);
    visit("ls", &dir);
    // The first learns late that it was unmounted: when another stands in its place already, and
    // even under the same device number, since the kernel gives the lowest that is free.
    kill(first.pid(), Signal::SIGSTOP).unwrap();
    umount2(&dir, MntFlags::MNT_DETACH).unwrap();
    let second = serve("step04-hello", &dir);
    kill(first.pid(), Signal::SIGCONT).unwrap();
    assert!(first.wait().unwrap().success());
    assert_eq!(fs::read_to_string(dir.join("hello.txt")).unwrap(), HELLO);
    assert!(second.interrupt().unwrap().success());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_killed_server_leaves_no_client_hanging() {
    let dir = fresh_dir("mnt");
    let server = serve("step04-hello", &dir);
    // Killed before it has answered INIT, it would leave ECONNREFUSED behind on 7.2.
    visit("ls", &dir);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn({
                let file = dir.join("hello.txt");
                move || while fs::read_to_string(&file).is_ok() && stat_afresh(&file) {}
            })
        })
        .collect();
    assert!(!server.kill().unwrap().success());
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(errno(fs::metadata(&dir)), Some(libc::ENOTCONN));
    // A dead mount stays listed until someone unmounts it: here, we.
    assert!(is_mounted(&dir).unwrap());
    umount2(&dir, MntFlags::empty()).unwrap();
    assert!(!is_mounted(&dir).unwrap());
}

/// A call that must reach the server, whatever the kernel remembers.
fn stat_afresh(file: &Path) -> bool {
    statvfs(file).is_ok()
}
