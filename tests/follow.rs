//! What a server asks of the kernel: `follow LOG PROGRAM ARGUMENTS…` runs a program, and writes each system call
//! of its first thread into LOG as it returns, a line each: `splice(4, 7, 131072) = 131072`. What other threads
//! do, such as the one that waits for signals, comes whenever it likes, and is left out.
//!
//! It is this process that becomes the program, so signals find it; a child of it follows (ptrace(2)).

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::unix::process::CommandExt;
use std::process::{Command, exit};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(log), Some(program)) = (arguments.next(), arguments.next()) else {
        bail!("follow LOG PROGRAM ARGUMENTS…: run it, and write its system calls into LOG");
    };
    let me = getpid();
    let (mut ready, mut tell) = pipe()?;
    // SAFETY: there are no other threads yet, so the child may do all that we may.
    if let ForkResult::Child = unsafe { fork() }.context("cannot fork")? {
        drop(ready);
        let followed = follow(me, &log, || tell.write_all(b"!"));
        if let Err(error) = &followed {
            eprintln!("follow: {error:#}");
        }
        exit(i32::from(followed.is_err()));
    }
    drop(tell);
    ready.read_exact(&mut [0]).context("cannot be followed")?;
    let error = Command::new(&program).args(arguments.collect::<Vec<OsString>>()).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}

fn follow(
    process: Pid,
    log: &OsString,
    ready: impl FnOnce() -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let mut log = File::create(log).with_context(|| format!("cannot make {}", log.display()))?;
    ptrace::seize(process, Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_TRACESYSGOOD)?;
    ptrace::interrupt(process)?;
    ready()?;
    let mut entered = std::collections::HashMap::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(WaitStatus::PtraceSyscall(thread)) => {
                let info = ptrace::syscall_info(thread)?;
                match info.op {
                    libc::PTRACE_SYSCALL_INFO_ENTRY => {
                        // SAFETY: `op` says that this is the part of the union that is valid.
                        let entry = unsafe { info.u.entry };
                        entered.insert(thread, (entry.nr, entry.args));
                    }
                    libc::PTRACE_SYSCALL_INFO_EXIT => {
                        // SAFETY: as above.
                        let result = unsafe { info.u.exit }.sval;
                        if let Some((number, args)) = entered.remove(&thread)
                            && thread == process
                        {
                            writeln!(log, "{}", line(number, args, result))?;
                        }
                    }
                    _ => {}
                }
                go_on(thread, None)?;
            }
            // A signal for it: it shall have it.
            Ok(WaitStatus::Stopped(thread, signal)) => go_on(thread, Some(signal))?,
            Ok(WaitStatus::PtraceEvent(thread, ..)) => go_on(thread, None)?,
            Ok(_) => {}
            Err(Errno::ECHILD) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// ESRCH: it has been killed meanwhile.
fn go_on(thread: Pid, signal: Option<nix::sys::signal::Signal>) -> nix::Result<()> {
    match ptrace::syscall(thread, signal) {
        Err(Errno::ESRCH) => Ok(()),
        done => done,
    }
}

/// The calls that a server lives by, with what matters of their arguments. Others by their numbers.
fn line(number: u64, [a, _, c, _, e, _]: [u64; 6], result: i64) -> String {
    let call = match number as libc::c_long {
        libc::SYS_read => format!("read({a}, {c})"),
        libc::SYS_write => format!("write({a}, {c})"),
        libc::SYS_writev => format!("writev({a})"),
        libc::SYS_pread64 => format!("pread({a}, {c})"),
        libc::SYS_pwrite64 => format!("pwrite({a}, {c})"),
        libc::SYS_splice => format!("splice({a}, {c}, {e})"),
        libc::SYS_vmsplice => format!("vmsplice({a})"),
        libc::SYS_pipe2 => "pipe2()".to_owned(),
        libc::SYS_tee => format!("tee({a})"),
        other => format!("call {other}()"),
    };
    format!("{call} = {result}")
}
