//! Locks: the same scenes on tmpfs, which the kernel serves itself, and through a server.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::started;
use crate::in_bytes::InBytes;
use crate::mounted::Mounted;
use crate::visitor::{program, visit};

/// A process that locks as it is told (tests/locker.rs).
pub struct Locker {
    child: Child,
    tell: ChildStdin,
    told: Receiver<String>,
}

impl Locker {
    pub fn start(dir: &Path) -> Locker {
        let mut command = program("locker");
        command.current_dir(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, told) = channel();
        let answers = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            answers.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Locker { tell: child.stdin.take().unwrap(), child, told }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Tells it something, and does not wait for its answer.
    pub fn begin(&mut self, line: &str) {
        writeln!(self.tell, "{line}").unwrap();
    }

    /// Its next answer. `waits`, if none comes for a while.
    pub fn answer(&mut self, patience: Duration) -> String {
        match self.told.recv_timeout(patience) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => "waits".into(),
            Err(RecvTimeoutError::Disconnected) => "is gone".into(),
        }
    }

    pub fn ask(&mut self, line: &str) -> String {
        self.begin(line);
        self.answer(LONG)
    }

    /// SIGKILL, and it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const LONG: Duration = Duration::from_secs(20);
/// Long enough to see that somebody waits.
const SHORT: Duration = Duration::from_millis(150);

/// Plays a scene: each line says who does what. `A …` asks, `A … &` must not wait for the answer, `A` alone
/// hears it; `signal A` interrupts, `kill A` kills. Returns the lines with what came of them.
fn play(scene: &str, dir: &Path) -> String {
    let mut cast: BTreeMap<String, Locker> = BTreeMap::new();
    let mut told = String::new();
    for line in scene.lines().map(str::trim) {
        let words = line.split_once(' ');
        let heard = match words {
            Some(("kill", who)) => {
                cast.get_mut(who).unwrap().kill();
                "gone".into()
            }
            Some(("signal", who)) => {
                kill(cast[who].pid(), Signal::SIGUSR1).unwrap();
                "sent".into()
            }
            Some((who, what)) => {
                let start = || Locker::start(dir);
                let actor = cast.entry(who.to_owned()).or_insert_with(start);
                match what.strip_suffix(" &") {
                    Some(what) => {
                        actor.begin(what);
                        actor.answer(SHORT)
                    }
                    None => actor.ask(what),
                }
            }
            None => cast.get_mut(line).unwrap().answer(LONG),
        };
        // A process has another number each time.
        let named = cast.iter().fold(heard, |heard, (who, locker)| {
            heard.replace(&format!("process {}", locker.pid()), &format!("process {who}"))
        });
        told += &format!("{line:<36} {named}\n");
    }
    told
}

const SCENES: [(&str, &str); 7] = [
    (
        "ranges are split, merged, and taken over in part",
        "A open f 60
         B open f 60
         A posix f try write 0 100
         B posix f try read 50 10
         B posix f get read 50 10
         A posix f try unlock 40 20
         B posix f try write 40 20
         B posix f try write 39 1
         A posix f get write 30 40
         A posix f try write 30 40
         A posix f try read 0 40
         B posix f try read 10 10
         B posix f get write 0 0
         B posix f get write 60 0
         A posix f try write 100 0
         B posix f get read 1000 1
         A posix f try unlock 0 0
         B posix f try write 0 0",
    ),
    (
        "closing any descriptor of a file drops a process's locks on it",
        "A open f 60
         A open g 60
         B open f 60
         A posix f try write 0 0
         B posix f try write 0 0
         A close g
         B posix f try write 0 0",
    ),
    (
        "who waits is served when the other unlocks, or is killed",
        "A open f 60
         B open f 60
         C open f 60
         A posix f try write 0 10
         B posix f wait read 5 10 &
         C posix f wait read 0 0 &
         A posix f try unlock 0 10
         B
         C
         A posix f wait write 0 0 &
         kill B
         C posix f try unlock 0 0
         A
         C posix f wait write 0 1 &
         kill A
         C",
    ),
    (
        "who is interrupted while waiting holds nothing",
        "A open f 60
         B open f 60
         C open f 60
         A posix f try write 0 0
         B posix f wait write 0 0 &
         signal B
         B
         A posix f try unlock 0 0
         C posix f try write 0 0",
    ),
    (
        "an open file description has locks of its own, until its last descriptor goes",
        "A open f 60
         A open g 60
         B open f 60
         A ofd f try write 0 10
         A ofd g try write 0 10
         A posix f try write 0 10
         B ofd f try read 0 10
         A dup h f
         A close f
         B ofd f try read 0 10
         B ofd f wait read 0 10 &
         A close h
         B
         A ofd g try read 5 10
         A ofd g try write 5 10",
    ),
    (
        "flock locks all of a file, and knows nothing of fcntl",
        "A open f 60
         B open f 60
         C open f 60
         A flock f try write
         B flock f try read
         B posix f try write 0 0
         B flock f wait read &
         A flock f try read
         B
         A flock f try write
         B flock f try write
         C flock f wait read &
         signal C
         C
         C flock f wait read &
         B flock f try unlock
         C
         C close f
         A flock f soon write",
    ),
    (
        "a copy of a descriptor holds a flock, too",
        "A open f 60
         A dup g f
         B open f 60
         A flock f try write
         A close f
         B flock f try write
         B flock f wait write &
         A close g
         B
         kill B
         A open f 60
         A flock f soon write",
    ),
];

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn locks_are_as_on_a_file_system_of_the_kernels_own() {
    let tmpfs = Mounted::tmpfs("tmpfs");
    fs::write(tmpfs.0.join("60"), "").unwrap();
    let mut told = String::new();
    for (title, scene) in SCENES {
        told += &format!("{title}\n\n{}\n", play(scene, &tmpfs.0));
    }
    for workers in ["1", "8"] {
        let (server, dir) = started("step08-threads", &["--workers", workers], &[]);
        for (title, scene) in SCENES {
            let here = play(scene, &dir);
            assert!(
                told.contains(&format!("{title}\n\n{here}\n")),
                "{title}, with {workers} workers:\n{here}\non tmpfs:\n{told}"
            );
        }
        assert!(server.interrupt().unwrap().success());
        fs::remove_dir(&dir).unwrap();
    }
    super::assert_same("locks", &told);
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_signal_ends_waiting_for_a_lock_at_once() {
    for workers in ["1", "8"] {
        let (server, dir) = started("step08-threads", &["--workers", workers], &[]);
        let mut holder = Locker::start(&dir);
        assert_eq!(holder.ask("open f 60"), "ok");
        assert_eq!(holder.ask("posix f try write 0 0"), "ok");
        let waiting = || {
            let mut locker = Locker::start(&dir);
            assert_eq!(locker.ask("open f 60"), "ok");
            locker.begin("posix f wait write 0 0");
            assert_eq!(locker.answer(SHORT), "waits");
            locker
        };
        let mut times: Vec<_> = (0..5)
            .map(|_| {
                let mut locker = waiting();
                let start = Instant::now();
                kill(locker.pid(), Signal::SIGUSR1).unwrap();
                assert_eq!(locker.answer(LONG), "EINTR");
                start.elapsed()
            })
            .collect();
        times.sort();
        println!("{workers} workers: EINTR after {times:?}");
        assert!(times[2] < Duration::from_millis(100), "{times:?}");
        // With the default action it does not come back to tell.
        let mut locker = waiting();
        kill(locker.pid(), Signal::SIGTERM).unwrap();
        locker.child.wait().unwrap();
        // None of them has it.
        assert_eq!(holder.ask("posix f try unlock 0 0"), "ok");
        let mut last = Locker::start(&dir);
        assert_eq!(last.ask("open f 60"), "ok");
        assert_eq!(last.ask("posix f try write 0 0"), "ok");
        drop((holder, last));
        assert!(server.interrupt().unwrap().success());
        fs::remove_dir(&dir).unwrap();
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_hundred_locks_wait_and_two_workers_are_free() {
    let (server, dir) = started("step08-threads", &["--workers", "2"], &[]);
    let mut holder = Locker::start(&dir);
    assert_eq!(holder.ask("open f 60"), "ok");
    assert_eq!(holder.ask("flock f try write"), "ok");
    let mut waiting: Vec<Locker> = (0..100).map(|_| Locker::start(&dir)).collect();
    for locker in &mut waiting {
        assert_eq!(locker.ask("open f 60"), "ok");
        locker.begin("flock f wait write");
    }
    assert!(visit("ls", &dir).status.success());
    assert_eq!(waiting[99].answer(SHORT), "waits");
    // All of them have it, one after the other: who has it is killed, and the next has it.
    holder.kill();
    let deadline = Instant::now() + LONG;
    while !waiting.is_empty() {
        waiting.retain_mut(|locker| locker.answer(Duration::from_millis(1)) == "waits");
        assert!(Instant::now() < deadline, "{} wait for ever", waiting.len());
    }
    assert!(server.interrupt().unwrap().success());
    fs::remove_dir(&dir).unwrap();
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_lock_that_waits_in_bytes() {
    let naps = InBytes::start("step08-threads", &["--workers=1"]);
    let beside = naps.dir.parent().unwrap();
    let (mut a, mut b) = (Locker::start(beside), Locker::start(beside));
    let ask = |who: &str, locker: &mut Locker, what: &str| {
        naps.log.say(&format!("$ {who} {what}"));
        naps.log.say(&format!("{who}: {}", locker.ask(what)));
    };
    ask("A", &mut a, "open f mnt/60");
    ask("B", &mut b, "open f mnt/60");
    ask("A", &mut a, "posix f try write 0 10");
    naps.log.say("$ B posix f wait write 5 10");
    b.begin("posix f wait write 5 10");
    naps.log.until("SETLKW(");
    ask("A", &mut a, "posix f try unlock 0 10");
    naps.log.say(&format!("B: {}", b.answer(LONG)));
    naps.end("step08__lock");
}
