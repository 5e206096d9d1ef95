//! READs that take long, and clients that do not want to wait.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use step02_wire::Operation;
use step02_wire::abi::InHeader;
use step05_server::{Answer, Data, Files, Handler, Owed, Request};
use step08_threads::Interrupts;

use super::started;
use super::workers::{OneFile, UNREAD, served};
use crate::in_bytes::InBytes;
use crate::in_process::serving;
use crate::recorded::{Traced, assert_recorded, stat_in_a_thread, waits};
use crate::signalled::{handle_signals, signal};
use crate::visitor::{program, until, until_it_waits, visit};

fn cat(dir: &Path) -> Command {
    let mut command = program("visit");
    command.arg("cat").arg(dir.join("60")).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn many_wait_and_a_signal_ends_it_at_once() {
    handle_signals();
    for workers in ["1", "8"] {
        let (server, dir) = started("step08-threads", &["--workers", workers], &[]);
        let mut others: Vec<_> = (0..20).map(|_| cat(&dir).spawn().unwrap()).collect();
        others.iter().for_each(|other| until_it_waits(Pid::from_raw(other.id() as i32)));
        assert!(visit("ls", &dir).status.success(), "20 wait, and it answers");

        let mut times = Vec::new();
        for _ in 0..5 {
            let mut file = File::open(dir.join("60")).unwrap();
            let reader = thread::spawn(move || {
                let read = file.read(&mut [0; 100]);
                (read.unwrap_err().kind(), Instant::now())
            });
            // Before it sleeps there is nothing to interrupt.
            thread::sleep(Duration::from_millis(50));
            let start = Instant::now();
            signal(&reader);
            let (error, end) = reader.join().unwrap();
            assert_eq!(error, ErrorKind::Interrupted);
            times.push(end - start);
        }
        times.sort();
        println!("{workers} workers: EINTR after {times:?}");
        assert!(times[2] < Duration::from_millis(100), "{times:?}");

        // With the default action a client is gone.
        let mut killed = cat(&dir).spawn().unwrap();
        let pid = Pid::from_raw(killed.id() as i32);
        until_it_waits(pid);
        let start = Instant::now();
        kill(pid, Signal::SIGTERM).unwrap();
        killed.wait().unwrap();
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());

        assert!(others.iter_mut().all(|other| other.try_wait().unwrap().is_none()));
        assert!(server.interrupt().unwrap().success());
        fs::remove_dir(&dir).unwrap();
        assert!(others.iter_mut().all(|other| !other.wait().unwrap().success()), "it is gone");
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn with_one_thread_that_waits_all_wait() {
    handle_signals();
    let (go_on, stuck) = channel();
    let stuck: Mutex<Receiver<()>> = Mutex::new(stuck);
    // A READ that keeps its thread until it may go on.
    let keeping = Files(OneFile(|_: &InHeader| {
        stuck.lock().unwrap().recv().unwrap();
        Ok(Data::Bytes(Vec::new()))
    }));
    let hang = serving(&keeping, |dir| {
        let mut file = File::open(dir.join("file")).unwrap();
        let reader = thread::spawn(move || file.read(&mut [0; 16]));
        thread::sleep(Duration::from_millis(100));
        let (other, thread) = stat_in_a_thread(dir.to_owned());
        let hang = waits(thread);
        // A signal does not help: the server reads no INTERRUPT either.
        signal(&reader);
        thread::sleep(Duration::from_millis(100));
        assert!(!reader.is_finished() && !other.is_finished());
        go_on.send(()).unwrap();
        reader.join().unwrap().unwrap();
        other.join().unwrap().unwrap();
        hang
    });
    assert_recorded("step08__hang", &hang);
}

/// READs are answered when they are interrupted, and counted.
struct Patient {
    interrupts: Arc<Interrupts>,
    given_up: Arc<AtomicUsize>,
}

impl Handler for Patient {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        if !matches!(request.operation, Operation::Read { .. }) {
            return Files(UNREAD).handle(request, owed);
        }
        let (unique, given_up) = (owed.unique(), Arc::clone(&self.given_up));
        self.interrupts.on_interrupt(unique, move || {
            given_up.fetch_add(1, Ordering::Relaxed);
            owed.answer(Err(Errno::EINTR));
        });
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_storm_of_interrupts_leaves_nothing_behind() {
    const STORM: usize = 10_000;
    handle_signals();
    for workers in [1, 8] {
        let given_up = Arc::new(AtomicUsize::new(0));
        let patient = |interrupts: &Arc<Interrupts>| Patient {
            interrupts: Arc::clone(interrupts),
            given_up: Arc::clone(&given_up),
        };
        let left = served(workers, patient, |dir| {
            let over = Arc::new(AtomicBool::new(false));
            let reader = || {
                let (mut file, over) = (File::open(dir.join("file")).unwrap(), Arc::clone(&over));
                thread::spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        let error = file.read(&mut [0; 16]).unwrap_err();
                        assert_eq!(error.kind(), ErrorKind::Interrupted);
                    }
                })
            };
            let readers: Vec<_> = (0..8).map(|_| reader()).collect();
            while given_up.load(Ordering::Relaxed) < STORM {
                readers.iter().for_each(signal);
                thread::yield_now();
            }
            over.store(true, Ordering::Relaxed);
            for reader in readers {
                while !reader.is_finished() {
                    signal(&reader);
                    thread::sleep(Duration::from_millis(1));
                }
                reader.join().unwrap();
            }
            assert!(visit("ls", dir).status.success());
        });
        assert_eq!(left, 0, "with {workers} workers");
    }
}

/// FLUSH is answered when it is interrupted, and well.
struct Slow(Arc<Interrupts>);

impl Handler for Slow {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        if !matches!(request.operation, Operation::Flush { .. }) {
            return Files(UNREAD).handle(request, owed);
        }
        let unique = owed.unique();
        self.0.on_interrupt(unique, move || owed.answer(Ok(Answer::empty())));
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_flush_that_comes_with_an_interrupt_succeeds() {
    handle_signals();
    let left = served(
        2,
        |interrupts| Slow(Arc::clone(interrupts)),
        |dir| {
            // A client that dies while its file is open: the kernel closes it, and interrupts that.
            let mut dying = program("visit");
            dying.arg("hold-open").arg(dir.join("file")).stdout(Stdio::piped());
            let mut dying = dying.spawn().unwrap();
            dying.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
            // Not SIGTERM: it is blocked here, for a server's sake, and so it is in our children.
            kill(Pid::from_raw(dying.id() as i32), Signal::SIGUSR1).unwrap();
            dying.wait().unwrap();
            // And one that is only interrupted: its close(2) goes well.
            let file = std::os::fd::OwnedFd::from(File::open(dir.join("file")).unwrap());
            let closer = thread::spawn(move || nix::unistd::close(file));
            while !closer.is_finished() {
                signal(&closer);
                thread::sleep(Duration::from_millis(1));
            }
            closer.join().unwrap().unwrap();
        },
    );
    assert_eq!(left, 0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn an_operation_can_ask_whether_it_was_interrupted() {
    handle_signals();
    let left = served(
        2,
        |interrupts| {
            let interrupts = Arc::clone(interrupts);
            // It is busy, and looks up from its work now and then.
            Files(OneFile(move |header: &InHeader| {
                while !interrupts.is_interrupted(header.unique) {
                    thread::sleep(Duration::from_millis(1));
                }
                Err(Errno::EINTR)
            }))
        },
        |dir| {
            let mut file = File::open(dir.join("file")).unwrap();
            let reader = thread::spawn(move || file.read(&mut [0; 16]).unwrap_err().kind());
            while !reader.is_finished() {
                signal(&reader);
                thread::sleep(Duration::from_millis(1));
            }
            assert_eq!(reader.join().unwrap(), ErrorKind::Interrupted);
        },
    );
    assert_eq!(left, 0);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_an_interrupted_read() {
    let traced = Traced::start("step08-threads", &["--workers=1".as_ref()]);
    let dir = traced.dir.clone();
    let told = traced.when("$ timeout -s INT 1 cat 60", "RELEASE = ok", || {
        let mut client = cat(&dir).spawn().unwrap();
        let trace = || fs::read_to_string(dir.with_extension("trace")).unwrap();
        until("its READ", || trace().contains(" READ("));
        kill(Pid::from_raw(client.id() as i32), Signal::SIGINT).unwrap();
        client.wait().unwrap();
        String::new()
    });
    assert_recorded("step08__interrupt", &told);
    traced.end();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_an_interrupted_read_in_bytes() {
    let naps = InBytes::start("step08-threads", &["--workers=1"]);
    naps.log.when("RELEASE = ok", || {
        naps.log.say("$ cat 60");
        let mut client = program("visit");
        client.arg("cat").arg(naps.dir.join("60")).stdout(naps.log.file());
        let mut client = client.spawn().unwrap();
        naps.log.until("→ #4 READ(");
        naps.log.say("# kill -INT, the client");
        kill(Pid::from_raw(client.id() as i32), Signal::SIGINT).unwrap();
        client.wait().unwrap();
    });
    naps.end("step08__interrupt");
}
