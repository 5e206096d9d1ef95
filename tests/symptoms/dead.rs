//! Servers that do not answer, or are no more, and mounts that do not go.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use kernel_tests::device_number;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use step01_device::{BUFFER_SIZE, Device, Mount};
use step02_wire::{decode, encode};

use super::{Mute, Terminal, assert_same, command, hello};
use crate::recorded::{assert_recorded, books_dir, waits};
use crate::step13::unprivileged::make_ready;

/// Where a client waits: from the innermost function to where the file systems begin. What called that
/// is the client's own way there.
fn sleeps(client: &Child) -> String {
    let waits = waits(Pid::from_raw(client.id() as i32));
    let end = waits
        .find("vfs_")
        .map_or(waits.len(), |at| at + waits[at..].find(" ←").unwrap_or(waits.len() - at));
    waits[..end].to_owned()
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn ls_hangs() {
    make_ready();
    let mut terminal = Terminal::default();
    let (mute, mut ls) = Mute::asked_by(|| terminal.starts("ls /tmp/m"));
    terminal.notes(&format!("it waits in {}", sleeps(&ls)));

    terminal.0 += "$ kill -9 %1\n";
    kill(Pid::from_raw(ls.id() as i32), Signal::SIGKILL).unwrap();
    thread::sleep(Duration::from_millis(200));
    assert!(ls.try_wait().unwrap().is_none(), "SIGKILL ended it");
    terminal.notes(&format!("it waits in {}", sleeps(&ls)));

    let number = device_number(Path::new("/tmp/m")).unwrap().unwrap();
    let connection = format!("/sys/fs/fuse/connections/{}", number.trim_start_matches("0:"));
    let waiting = fs::read_to_string(format!("{connection}/waiting")).unwrap();
    terminal.0 += &format!("$ cat /sys/fs/fuse/connections/N/waiting\n{waiting}");
    terminal.0 += "$ echo 1 > /sys/fs/fuse/connections/N/abort\n";
    fs::write(format!("{connection}/abort"), "1").unwrap();
    let status = ls.wait().unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGKILL as i32));
    terminal.notes(&format!("it has ended, {status}"));
    drop(mute);
    assert_recorded("symptoms__hang", &terminal.0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn whoever_comes_after_the_server_died_is_not_connected() {
    let server = hello();
    let mut terminal = Terminal::default();
    terminal.types("ls /tmp/m");
    terminal.notes("kill -9 ends the server");
    server.kill().unwrap();
    terminal.types("ls /tmp/m");
    terminal.types("cat /tmp/m/hello.txt");
    terminal.types("step04-hello /tmp/m");
    terminal.types("umount /tmp/m");
    terminal.types("ls /tmp/m");
    assert_same("dead", &terminal.0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn whoever_waits_when_the_server_dies_is_told() {
    let mut terminal = Terminal::default();
    let (Mute { device, mount }, ls) = Mute::asked_by(|| terminal.starts("ls /tmp/m"));
    waits(Pid::from_raw(ls.id() as i32));
    terminal.notes("the server has read the question, and dies");
    drop(device);
    terminal.ends(ls);
    terminal.types("ls /tmp/m");
    drop(mount);
    assert_same("aborted", &terminal.0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_refused_init_is_a_refused_connection() {
    let device = Device::open().unwrap();
    let mount = Mount::new(&device, &books_dir(), "refuses", &[]).unwrap();
    let mut terminal = Terminal::default();
    let ls = terminal.starts("ls /tmp/m");
    let mut buffer = vec![0; BUFFER_SIZE];
    let (header, _) = decode(device.read_message(&mut buffer).unwrap()).unwrap();
    device.write_message(&encode::error(header.unique, Errno::EPROTO)).unwrap();
    terminal.notes("the server has answered INIT with EPROTO");
    terminal.ends(ls);
    drop(mount);
    assert_same("refused", &terminal.0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn what_is_in_use_is_busy() {
    let mut server = hello();
    let mut terminal = Terminal::default();
    terminal.0 += "$ sleep 1000 < /tmp/m/hello.txt &\n";
    let file = Stdio::from(File::open("/tmp/m/hello.txt").unwrap());
    let mut sleep = command("sleep 1000").stdin(file).spawn().unwrap();
    terminal.types("rmdir /tmp/m");
    terminal.types("umount /tmp/m");
    terminal.types("umount -l /tmp/m");
    terminal.types("ls /tmp/m");
    sleep.kill().unwrap();
    sleep.wait().unwrap();
    assert!(server.wait().unwrap().success());
    assert_same("busy", &terminal.0);
}
