//! The witness: a test is run, and every process of it followed with ptrace(2). No server has to help it, in
//! whatever language it is written. It writes down what went over /dev/fuse, and what the clients did.
//!
//! It is a process of its own, started by pid 1 in the place of the test. Each fact is in the file at once, so
//! whatever ends the witness, what it saw until then is there.
//!
//! What a followed test does differently: a call of the table takes several times as long; a process that follows
//! another itself gets EPERM; and one that a signal kills is not yet dying when its files are closed, so the kernel
//! sends no INTERRUPT with their FLUSH. What the witness does not see: io_uring(7), and what is below a mount that
//! was made by move_mount(2) in the place of mount(2).

mod calls;
mod filter;
mod follow;
mod notes;
mod tracee;

use std::ffi::OsString;
use std::io::{Read, Write, pipe};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, exit};

use anyhow::{Context, bail};
use nix::sys::ptrace::{self, Options};
use nix::unistd::{ForkResult, fork};

use follow::{End, Follower};
use notes::Notes;

/// `FACTS PROGRAM ARGUMENTS…`: runs the program, writes facts into FACTS, and ends as it ended.
pub fn witness(mut arguments: impl Iterator<Item = OsString>) -> anyhow::Result<()> {
    let (Some(facts), Some(program)) = (arguments.next(), arguments.next()) else {
        bail!("not as pid 1 it wants: FACTS PROGRAM ARGUMENTS…");
    };
    let notes = Notes::create(Path::new(&facts))?;
    let (mut ready, mut tell) = pipe().context("cannot make a pipe")?;
    // SAFETY: there are no other threads, so the child may do all that we may.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Child => {
            drop(tell);
            ready.read_exact(&mut [0]).context("cannot be followed")?;
            filter::stop_at_the_calls()?;
            let error = Command::new(&program).args(arguments).exec();
            Err(error).with_context(|| format!("cannot start {}", program.display()))
        }
        ForkResult::Parent { child } => {
            drop(ready);
            let options = Options::PTRACE_O_TRACESYSGOOD
                | Options::PTRACE_O_TRACESECCOMP
                | Options::PTRACE_O_TRACEFORK
                | Options::PTRACE_O_TRACEVFORK
                | Options::PTRACE_O_TRACECLONE
                | Options::PTRACE_O_TRACEEXEC
                | Options::PTRACE_O_EXITKILL;
            ptrace::seize(child, options).context("cannot follow the test")?;
            tell.write_all(b"!").context("cannot tell the test to begin")?;
            match Follower::new(notes, child).follow()? {
                End::Exited(status) => exit(status),
                End::Killed(signal) => {
                    println!("signal {signal} ended the test");
                    exit(128 + signal)
                }
            }
        }
    }
}
