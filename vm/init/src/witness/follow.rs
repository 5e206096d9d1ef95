//! From stops to facts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::unistd::Pid;
use vm_init::{Bytes, Fact, Process};

use super::calls::{self, Shape};
use super::notes::Notes;
use super::tracee::Tracee;

/// What fcntl(2) is asked that reaches a server.
const LOCKS: [i32; 6] = [
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_OFD_GETLK,
    libc::F_OFD_SETLK,
    libc::F_OFD_SETLKW,
];

/// How the test ended.
pub enum End {
    /// With this status.
    Exited(i32),
    /// By this signal.
    Killed(i32),
}

/// What to do when a call returns.
enum Pending {
    Opened {
        call: &'static str,
    },
    Mounted {
        target: PathBuf,
    },
    /// A request, to be read from there.
    Request {
        call: &'static str,
        fd: i32,
        room: u64,
        from: From,
    },
    /// Its beginning is written down.
    Result {
        id: u64,
    },
    Ptrace,
}

enum From {
    Memory(Vec<(u64, u64)>),
    Pipe(u64),
}

pub struct Follower {
    notes: Notes,
    /// The test itself.
    first: i32,
    /// Calls that have begun are numbered.
    begun: u64,
    pending: HashMap<Pid, Pending>,
    /// Where FUSE file systems are, or were.
    mounts: Vec<PathBuf>,
    /// Who each thread is: to ask the kernel takes long.
    processes: HashMap<Pid, Process>,
    /// Processes that had to do with the device.
    servers: HashMap<i32, Process>,
}

impl Follower {
    /// One that has `first` to follow, and all that it starts.
    pub fn new(notes: Notes, first: Pid) -> Follower {
        Follower {
            notes,
            first: first.as_raw(),
            begun: 0,
            pending: HashMap::new(),
            mounts: Vec::new(),
            processes: HashMap::new(),
            servers: HashMap::new(),
        }
    }

    /// Follows them until the first ends.
    pub fn follow(mut self) -> anyhow::Result<End> {
        loop {
            let mut status = 0;
            // waitpid(2) itself: nix knows no real-time signals, with which libraries talk to their threads.
            // SAFETY: `status` is written, and lives as long as the call.
            let pid = unsafe { libc::waitpid(-1, &mut status, libc::__WALL) };
            let thread = match Errno::result(pid) {
                Ok(pid) => Pid::from_raw(pid),
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            if libc::WIFEXITED(status) {
                let status = libc::WEXITSTATUS(status);
                self.ended(thread, format!("exit status {status}"))?;
                if thread.as_raw() == self.first {
                    return Ok(End::Exited(status));
                }
            } else if libc::WIFSIGNALED(status) {
                let signal = libc::WTERMSIG(status);
                self.ended(thread, format!("signal {signal}"))?;
                if thread.as_raw() == self.first {
                    return Ok(End::Killed(signal));
                }
            } else if libc::WIFSTOPPED(status) {
                let how = self.stopped(thread, libc::WSTOPSIG(status), status >> 16)?;
                how.go_on(thread)?;
            }
        }
    }

    fn stopped(&mut self, thread: Pid, signal: i32, event: i32) -> anyhow::Result<GoOn> {
        Ok(match (event, signal) {
            (libc::PTRACE_EVENT_SECCOMP, _) if self.entered(Tracee(thread))? => GoOn::ToTheReturn,
            (
                libc::PTRACE_EVENT_STOP,
                libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU,
            ) => GoOn::Stopped,
            (0, signal) if signal == libc::SIGTRAP | 0x80 => {
                self.returned(Tracee(thread))?;
                GoOn::With(0)
            }
            (libc::PTRACE_EVENT_EXEC, _) => {
                // It has another name now.
                self.processes.clear();
                GoOn::With(0)
            }
            // A signal for it: it shall have it.
            (0, signal) => GoOn::With(signal),
            _ => GoOn::With(0),
        })
    }

    fn ended(&mut self, thread: Pid, how: String) -> anyhow::Result<()> {
        self.pending.remove(&thread);
        self.processes.remove(&thread);
        match self.servers.remove(&thread.as_raw()) {
            Some(by) => self.notes.take(&Fact::Ended { by, how }),
            None => Ok(()),
        }
    }

    /// A call of the table begins. True: its return matters too.
    fn entered(&mut self, tracee: Tracee) -> anyhow::Result<bool> {
        // ESRCH: it has been killed meanwhile.
        let Ok(info) = ptrace::syscall_info(tracee.0) else { return Ok(false) };
        if info.op != libc::PTRACE_SYSCALL_INFO_SECCOMP || self.notes.are_full() {
            return Ok(false);
        }
        // SAFETY: `op` says that this is the part of the union that is valid.
        let (number, args) = unsafe { (info.u.seccomp.nr, info.u.seccomp.args) };
        let Some(&(_, call, shape)) = calls::find(number) else { return Ok(false) };
        let pending = self.begin(tracee, call, shape, args)?;
        let matters = pending.is_some();
        self.pending.remove(&tracee.0);
        if let Some(pending) = pending {
            self.pending.insert(tracee.0, pending);
        }
        Ok(matters)
    }

    fn begin(
        &mut self,
        tracee: Tracee,
        call: &'static str,
        shape: Shape,
        args: [u64; 6],
    ) -> anyhow::Result<Option<Pending>> {
        let [a, b, c, d, e, _] = args;
        let whole = |parts: &[(u64, u64)]| parts.iter().map(|(_, len)| len).sum();
        match shape {
            Shape::Read | Shape::Readv if tracee.is_the_device(a) => {
                let parts = if shape == Shape::Read { vec![(b, c)] } else { tracee.parts(b, c) };
                let room = whole(&parts);
                Ok(Some(Pending::Request { call, fd: a as i32, room, from: From::Memory(parts) }))
            }
            Shape::Write | Shape::Writev if tracee.is_the_device(a) => {
                let parts = if shape == Shape::Write { vec![(b, c)] } else { tracee.parts(b, c) };
                let len = whole(&parts);
                let bytes = tracee.gather(&parts, len);
                self.answer(tracee, (call, a), len, None, bytes).map(Some)
            }
            Shape::Splice if tracee.is_the_device(a) => {
                Ok(Some(Pending::Request { call, fd: a as i32, room: e, from: From::Pipe(c) }))
            }
            Shape::Splice if tracee.is_the_device(c) => {
                let (mut bytes, there) = tracee.pipe(a, 0).unwrap_or_default();
                bytes.truncate(e as usize);
                self.answer(tracee, (call, c), e, Some(there), bytes).map(Some)
            }
            Shape::Ioctl if tracee.is_the_device(a) => Ok(Some(Pending::Opened { call })),
            Shape::Mount if tracee.text(c).is_some_and(|kind| kind.starts_with("fuse")) => {
                let target = tracee.path(b, None).unwrap_or_default();
                // At once: clients can be there before mount(2) has returned.
                self.mounts.push(target.clone());
                Ok(Some(Pending::Mounted { target }))
            }
            Shape::Ptrace => Ok(Some(Pending::Ptrace)),
            Shape::Path(at) => self.client(tracee, call, tracee.path(args[at], None), None),
            Shape::Paths(one, two) => {
                let path = |at: usize| tracee.path(args[at], None);
                self.client(tracee, call, path(one), path(two))
            }
            Shape::At if tracee.text(b).as_deref() == Some("/dev/fuse") => {
                Ok(Some(Pending::Opened { call }))
            }
            Shape::At => self.client(tracee, call, tracee.path(b, Some(a)), None),
            Shape::AtAt => {
                self.client(tracee, call, tracee.path(b, Some(a)), tracee.path(d, Some(c)))
            }
            Shape::Read | Shape::Readv | Shape::Write | Shape::Writev | Shape::Descriptor
                if !self.mounts.is_empty() =>
            {
                self.client(tracee, call, tracee.descriptor(a), None)
            }
            Shape::Fcntl if LOCKS.contains(&(b as i32)) => {
                self.client(tracee, call, tracee.descriptor(a), None)
            }
            _ => Ok(None),
        }
    }

    fn answer(
        &mut self,
        tracee: Tracee,
        (call, fd): (&str, u64),
        len: u64,
        there: Option<u64>,
        bytes: Vec<u8>,
    ) -> anyhow::Result<Pending> {
        let (id, by) = (self.number(), self.server(tracee));
        let (call, fd, bytes) = (call.to_owned(), fd as i32, Bytes(bytes));
        self.notes.take(&Fact::Answer { id, by, call, fd, len, there, bytes })?;
        Ok(Pending::Result { id })
    }

    /// A call about a path: worth a word if that is below a mount.
    fn client(
        &mut self,
        tracee: Tracee,
        call: &str,
        path: Option<PathBuf>,
        other: Option<PathBuf>,
    ) -> anyhow::Result<Option<Pending>> {
        let below = |path: &Option<PathBuf>| self.below_a_mount(path.as_deref()?);
        let (path, other) = match (below(&path), below(&other)) {
            (None, None) => return Ok(None),
            (Some(path), other) => (path, other),
            (None, Some(other)) => {
                (path.unwrap_or_default().to_string_lossy().into_owned(), Some(other))
            }
        };
        let by = self.process(tracee);
        // A server looks at its mount point when it unmounts. A test may be its own server, and client.
        if by.pid != self.first && self.servers.contains_key(&by.pid) {
            return Ok(None);
        }
        let id = self.number();
        self.notes.take(&Fact::Call { id, by, call: call.to_owned(), path, other })?;
        Ok(Some(Pending::Result { id }))
    }

    /// The path from the mount point's name on: `mnt/hello.txt`.
    fn below_a_mount(&self, path: &Path) -> Option<String> {
        let mount = self.mounts.iter().find(|mount| path.starts_with(mount))?;
        let shown = path.strip_prefix(mount.parent()?).ok()?;
        Some(shown.to_string_lossy().into_owned())
    }

    /// A call returns whose beginning mattered.
    fn returned(&mut self, tracee: Tracee) -> anyhow::Result<()> {
        let Some(pending) = self.pending.remove(&tracee.0) else { return Ok(()) };
        let Ok(info) = ptrace::syscall_info(tracee.0) else { return Ok(()) };
        if info.op != libc::PTRACE_SYSCALL_INFO_EXIT {
            return Ok(());
        }
        // SAFETY: `op` says that this is the part of the union that is valid.
        let result = unsafe { info.u.exit }.sval;
        let fact = match pending {
            Pending::Opened { call } => {
                Fact::Opened { by: self.server(tracee), call: call.to_owned(), result }
            }
            Pending::Mounted { target } => {
                let told = target.to_string_lossy().into_owned();
                if result < 0 {
                    self.mounts.retain(|mount| *mount != target);
                }
                Fact::Mounted { by: self.process(tracee), target: told, result }
            }
            Pending::Request { call, fd, room, from } => {
                let len = u64::try_from(result).unwrap_or(0);
                let bytes = match from {
                    _ if len == 0 => Vec::new(),
                    From::Memory(parts) => tracee.gather(&parts, len),
                    From::Pipe(fd) => from_pipe(tracee, fd, len),
                };
                let by = self.server(tracee);
                let (call, bytes) = (call.to_owned(), Bytes(bytes));
                Fact::Request { by, call, fd, room, result, bytes }
            }
            Pending::Result { id } => Fact::Result { id, result },
            Pending::Ptrace if result == -i64::from(libc::EPERM) => {
                Fact::Ptrace { by: self.process(tracee) }
            }
            Pending::Ptrace => return Ok(()),
        };
        self.notes.take(&fact)
    }

    fn number(&mut self) -> u64 {
        self.begun += 1;
        self.begun
    }

    fn process(&mut self, tracee: Tracee) -> Process {
        let asked = || match tracee.process() {
            // Its program has a number in its name.
            process if process.pid == self.first => Process { name: "the test".into(), ..process },
            process => process,
        };
        self.processes.entry(tracee.0).or_insert_with(asked).clone()
    }

    fn server(&mut self, tracee: Tracee) -> Process {
        let process = self.process(tracee);
        self.servers.entry(process.pid).or_insert_with(|| process.clone());
        process
    }
}

/// The request of `len` bytes that has just been put into a pipe, maybe behind others.
fn from_pipe(tracee: Tracee, fd: u64, len: u64) -> Vec<u8> {
    let there = tracee.pipe(fd, 0).map_or(0, |(_, there)| there);
    let (mut bytes, _) = tracee.pipe(fd, there.saturating_sub(len)).unwrap_or_default();
    bytes.truncate(len as usize);
    bytes
}

/// How a stopped thread goes on.
enum GoOn {
    /// To the next call of the table, with this signal; 0: none.
    With(i32),
    /// To the return of the call that it stopped at.
    ToTheReturn,
    /// It does not: it is stopped as by Ctrl-Z, until a SIGCONT.
    Stopped,
}

impl GoOn {
    fn go_on(self, thread: Pid) -> nix::Result<()> {
        let (request, signal) = match self {
            GoOn::With(signal) => (libc::PTRACE_CONT, signal),
            GoOn::ToTheReturn => (libc::PTRACE_SYSCALL, 0),
            GoOn::Stopped => (libc::PTRACE_LISTEN, 0),
        };
        // ptrace(2) itself: nix has no PTRACE_LISTEN, and no real-time signals.
        // SAFETY: these requests read and write no memory of ours; the last two arguments are numbers.
        let done = unsafe { libc::ptrace(request, thread.as_raw(), 0, libc::c_long::from(signal)) };
        match Errno::result(done) {
            // It has been killed meanwhile.
            Err(Errno::ESRCH) => Ok(()),
            done => done.map(|_| ()),
        }
    }
}
