//! A notification from inside an operation, by the direct way and by the queue.

use std::fmt::Write;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nix::mount::{MntFlags, umount2};
use nix::sys::stat::stat;
use nix::unistd::{Pid, gettid};
use step02_wire::abi::ROOT_ID;
use step09_notify::{Notifier, Queue};

use super::told::{BOARD, board_that};
use crate::in_process::{mounted, serving_on};
use crate::recorded::{assert_recorded, waits, waits_in};

/// What a client does, and the operation in which the server speaks.
type Client = (&'static str, fn(&Path) -> bool);

const READ: Client = ("READ", |dir| {
    File::open(dir.join("board")).is_ok_and(|file| file.read_at(&mut [0; 8192], 0).is_ok())
});
const LOOKUP: Client = ("LOOKUP", |dir| stat(&dir.join("other")) == Err(nix::errno::Errno::ENOENT));
const UNLINK: Client = ("UNLINK", |dir| fs::remove_file(dir.join("board")).is_ok());

/// What the server says inside an operation.
fn tell(operation: &str, kernel: &Notifier) {
    let told = match operation {
        "READ" => kernel.inval_inode(BOARD, 0, 0),
        _ => kernel.inval_entry(ROOT_ID, "board".as_ref()),
    };
    told.unwrap();
}

/// Serves a board that calls `speak`, the first time that it is asked `operation`; what `visit` sees.
fn speaking<T>(
    operation: &'static str,
    speak: impl Fn(&Notifier) + Send + Sync,
    visit: impl FnOnce(&Path) -> T,
) -> T {
    let session = mounted();
    let kernel = Notifier::new(Arc::clone(session.device()));
    let armed = AtomicBool::new(false);
    let files = board_that(|asked| {
        if asked == operation && armed.swap(false, Ordering::SeqCst) {
            speak(&kernel);
        }
    });
    serving_on(session, &files, |dir| {
        // Known to the kernel, so that there is something to forget.
        stat(&dir.join("board")).unwrap();
        armed.store(true, Ordering::SeqCst);
        visit(dir)
    })
}

/// A client's call that hangs, and what both wait for. Then the connection is aborted.
fn hangs((operation, call): Client) -> String {
    let (server, served_by) = channel();
    let server = Mutex::new(server);
    let speak = |kernel: &Notifier| {
        server.lock().unwrap().send(gettid()).unwrap();
        tell(operation, kernel);
    };
    speaking(operation, speak, |dir| {
        let (sender, heard) = channel();
        let to_call = dir.to_owned();
        thread::scope(|scope| {
            scope.spawn(move || call_and_say(call, &to_call, &sender));
            let Said::Calls(client) = heard.recv().unwrap() else { panic!("it calls first") };
            let server = served_by.recv_timeout(Duration::from_secs(10)).unwrap();
            let mut told = format!("{operation}\n");
            writeln!(
                told,
                "the client waits for the server:\n  {}",
                waits_in(client, &["fuse", "folio", "page"])
            )
            .unwrap();
            writeln!(told, "the server waits for the client:\n  {}", waits(server)).unwrap();
            // Asleep so that no signal wakes it.
            let status = fs::read_to_string(format!("/proc/self/task/{server}/status")).unwrap();
            assert!(status.contains("State:\tD"), "{status}");
            assert!(heard.recv_timeout(Duration::from_secs(1)).is_err(), "it returned by itself");
            umount2(dir, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH).unwrap();
            let Said::Returned(well) = heard.recv().unwrap() else { panic!("it called once") };
            assert!(!well, "nobody answered");
            told
        })
    })
}

enum Said {
    Calls(Pid),
    Returned(bool),
}

fn call_and_say(call: fn(&Path) -> bool, dir: &Path, heard: &Sender<Said>) {
    heard.send(Said::Calls(gettid())).unwrap();
    heard.send(Said::Returned(call(dir))).unwrap();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn from_inside_a_read_the_direct_way_never_returns() {
    assert_recorded("step09__read", &hangs(READ));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn from_inside_a_lookup_the_direct_way_never_returns() {
    assert_recorded("step09__lookup", &hangs(LOOKUP));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn from_inside_an_unlink_the_direct_way_never_returns() {
    assert_recorded("step09__unlink", &hangs(UNLINK));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_queue_gets_through_from_inside_all_of_them() {
    for (operation, call) in [READ, LOOKUP, UNLINK] {
        let couriers = Mutex::new(Vec::new());
        let (sender, told) = channel();
        let sender = Mutex::new(sender);
        let speak = |kernel: &Notifier| {
            let (queue, courier) = Queue::start(kernel.clone()).unwrap();
            couriers.lock().unwrap().push(courier);
            let done = sender.lock().unwrap().clone();
            queue.put(move |kernel| {
                tell(operation, kernel);
                done.send(()).map_err(std::io::Error::other)
            });
            // Long enough for the courier to wait in the kernel before the answer leaves.
            thread::sleep(Duration::from_millis(100));
        };
        let dir = speaking(operation, speak, |dir| {
            assert!(call(dir), "{operation}");
            told.recv_timeout(Duration::from_secs(10)).unwrap();
            dir.to_owned()
        });
        fs::remove_dir(dir).unwrap();
    }
}
