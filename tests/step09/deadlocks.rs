//! A notification from inside an operation, by the direct way and by the queue.

use std::env;
use std::fs::{self, File};
use std::io;
use std::num::NonZero;
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use kernel_tests::Server;
use nix::errno::Errno;
use nix::mount::MntFlags;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{major, minor, stat};
use nix::unistd::{Pid, gettid};
use step02_wire::abi::ROOT_ID;
use step03_handshake::Wishes;
use step05_server::Session;
use step09_notify::{Notifier, Queue, Told};

use super::told::{BOARD, board_that};
use super::{umount, wrapped};
use crate::in_process::{mounted, serving_on};
use crate::recorded::{assert_recorded, waits, waits_in};
use crate::visitor::{fresh_dir, until};

/// What a client does, and what the server says in the middle of which operation.
struct Case {
    name: &'static str,
    /// `false`: it failed.
    client: fn(&Path) -> bool,
    operation: &'static str,
    tell: fn(&Notifier) -> io::Result<Told>,
}

const READ: Case = Case {
    name: "READ of a page, and INVAL_INODE in it",
    client: |dir| {
        File::open(dir.join("board")).is_ok_and(|file| file.read_at(&mut [0; 8192], 0).is_ok())
    },
    operation: "READ",
    tell: inval_inode,
};
const LOOKUP: Case = Case {
    name: "LOOKUP of a name, and INVAL_ENTRY of another in it",
    client: look_up_another,
    operation: "LOOKUP",
    tell: inval_entry,
};
const UNLINK: Case = Case {
    name: "UNLINK of a name, and INVAL_ENTRY in it",
    client: |dir| fs::remove_file(dir.join("board")).is_ok(),
    operation: "UNLINK",
    tell: inval_entry,
};
/// The operation has nothing to do with the file.
const MAPPED: Case = Case {
    name: "LOOKUP of a name, and INVAL_INODE of a file in it that a client has changed by mmap",
    client: |dir| {
        may_stay_dirty(dir);
        let mut file = File::options();
        let file = file.read(true).write(true).open(dir.join("board")).unwrap();
        let page = NonZero::new(4096).unwrap();
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping of an open file, in a place of the kernel's choice.
        let mapped = unsafe { mmap(None, page, protection, MapFlags::MAP_SHARED, &file, 0) };
        let mapped = mapped.unwrap();
        // SAFETY: the mapping is a page long, may be written, and is there.
        unsafe { mapped.cast::<u8>().write_volatile(b'z') };
        let well = look_up_another(dir);
        // SAFETY: this is all of the mapping, and nobody uses it any more.
        unsafe { munmap(mapped, 4096) }.unwrap();
        well
    },
    operation: "LOOKUP",
    tell: inval_inode,
};

/// Of a FUSE mount the kernel tolerates next to no dirty pages (`fuse_bdi_init`): it may write one back as
/// soon as it is made, and then nothing is left to wait for. Whether it looks depends on what others on
/// this processor have made dirty before. Here it tolerates half of what there may be.
fn may_stay_dirty(dir: &Path) {
    let device = stat(dir).unwrap().st_dev;
    let bdi = format!("/sys/class/bdi/{}:{}", major(device), minor(device));
    for (file, percent) in [("max_ratio", "100"), ("min_ratio", "50")] {
        let file = format!("{bdi}/{file}");
        fs::write(&file, percent).unwrap_or_else(|e| panic!("cannot write {file}: {e}"));
    }
}

fn look_up_another(dir: &Path) -> bool {
    stat(&dir.join("other")) == Err(Errno::ENOENT)
}

fn inval_inode(kernel: &Notifier) -> io::Result<Told> {
    kernel.inval_inode(BOARD, 0, 0)
}

fn inval_entry(kernel: &Notifier) -> io::Result<Told> {
    kernel.inval_entry(ROOT_ID, "board".as_ref())
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
fn hangs(case: &Case) -> String {
    let (server, served_by) = channel();
    let server = Mutex::new(server);
    let speak = |kernel: &Notifier| {
        server.lock().unwrap().send(gettid()).unwrap();
        (case.tell)(kernel).unwrap();
    };
    speaking(case.operation, speak, |dir| {
        let (sender, heard) = channel();
        let to_call = dir.to_owned();
        thread::scope(|scope| {
            scope.spawn(move || call_and_say(case.client, &to_call, &sender));
            let Said::Calls(client) = heard.recv().unwrap() else { panic!("it calls first") };
            let server = served_by.recv_timeout(Duration::from_secs(10)).unwrap();
            let (of_client, of_server) =
                (waits_in(client, &["fuse", "folio", "page"]), waits(server));
            let told = format!(
                "{}\nThe client waits for the server:{}\nThe server waits for the client:{}\n",
                case.name,
                wrapped(&of_client),
                wrapped(&of_server)
            );
            // Asleep so that no signal wakes it.
            let status = fs::read_to_string(format!("/proc/self/task/{server}/status")).unwrap();
            assert!(status.contains("State:\tD"), "{status}");
            assert!(heard.recv_timeout(Duration::from_secs(1)).is_err(), "it returned by itself");
            umount(dir, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
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
    assert_recorded("step09__read", &hangs(&READ));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn from_inside_a_lookup_the_direct_way_never_returns() {
    assert_recorded("step09__lookup", &hangs(&LOOKUP));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn from_inside_an_unlink_the_direct_way_never_returns() {
    assert_recorded("step09__unlink", &hangs(&UNLINK));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn not_even_an_operation_on_another_file_may_use_the_direct_way() {
    assert_recorded("step09__mapped", &hangs(&MAPPED));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_queue_gets_through_from_inside_all_of_them() {
    for case in [READ, LOOKUP, UNLINK, MAPPED] {
        let couriers = Mutex::new(Vec::new());
        let (sender, told) = channel();
        let sender = Mutex::new(sender);
        let speak = |kernel: &Notifier| {
            let (queue, courier) = Queue::start(kernel.clone()).unwrap();
            couriers.lock().unwrap().push(courier);
            let done = sender.lock().unwrap().clone();
            queue.put(move |kernel| {
                (case.tell)(kernel)?;
                done.send(()).map_err(io::Error::other)
            });
            // Long enough for the courier to wait in the kernel before the answer leaves.
            thread::sleep(Duration::from_millis(100));
        };
        let dir = speaking(case.operation, speak, |dir| {
            assert!((case.client)(dir), "{}", case.name);
            told.recv_timeout(Duration::from_secs(10)).unwrap();
            dir.to_owned()
        });
        fs::remove_dir(dir).unwrap();
    }
}

/// The program under test is this one: it hangs in a READ, and is killed.
const HANGING: &str = "A_SERVER_THAT_WILL_HANG";

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn not_even_sigkill_ends_a_server_that_waits_for_itself() {
    if let Some(dir) = env::var_os(HANGING) {
        let session = Session::mount(dir.as_ref(), "hanging", &[], None).unwrap();
        let kernel = Notifier::new(Arc::clone(session.device()));
        let files = board_that(|asked| {
            if asked == "READ" {
                let _ = (READ.tell)(&kernel);
            }
        });
        return session.serve(&Wishes::default(), &files).unwrap();
    }
    let dir = fresh_dir("mnt");
    let mut command = Command::new(env::current_exe().unwrap());
    let this = "step09::deadlocks::not_even_sigkill_ends_a_server_that_waits_for_itself";
    command.args(["--ignored", "--exact", this]).env(HANGING, &dir).stdout(Stdio::null());
    let mut server = Server::start(command, &dir).unwrap();
    let waits_for_itself = || {
        let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).unwrap();
        let status = |thread: io::Result<fs::DirEntry>| {
            fs::read_to_string(thread.unwrap().path().join("status")).unwrap_or_default()
        };
        threads.map(status).any(|status| status.contains("State:\tD"))
    };
    thread::scope(|scope| {
        let client = scope.spawn(|| (READ.client)(&dir));
        until("the server hangs", waits_for_itself);
        kill(server.pid(), Signal::SIGKILL).unwrap();
        thread::sleep(Duration::from_millis(500));
        assert!(waits_for_itself() && !client.is_finished(), "SIGKILL ended it");
        umount(&dir, MntFlags::MNT_FORCE | MntFlags::MNT_DETACH);
        assert!(!client.join().unwrap());
    });
    assert_eq!(server.wait().unwrap().signal(), Some(Signal::SIGKILL as i32));
}
