//! Into the background, once all is well.

use std::fs::{File, read_dir};
use std::io::{self, PipeReader, PipeWriter, Read, Write, pipe, stdout};
use std::process::exit;

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, setsid};

use crate::error::Error;

/// The promise to say when the server is ready. Whoever started the program waits for it.
#[derive(Debug)]
pub struct Background(PipeWriter);

/// Goes on in a child process. The parent stays until that is ready ([`Background::ready`]), and ends with
/// status 0; or until it has ended, and then with its status. So the shell's next command finds the file
/// system mounted, or does not run.
///
/// Call it before anything has started a thread, and before mounting.
///
/// # Errors
///
/// This process has several threads, or fork(2) fails.
// ANCHOR: background
pub fn background() -> Result<Background, Error> {
    if threads().map_err(Error::Background)? != 1 {
        let why = "this process has several threads already, and fork(2) takes only one along";
        return Err(Error::Background(io::Error::other(why)));
    }
    // What is in a buffer now would be printed by both.
    let _ = stdout().flush();
    let (reader, writer) = pipe().map_err(Error::Background)?;
    // SAFETY: the child of a process with several threads might find memory locked by a thread that it has
    // not. This process has one.
    match unsafe { fork() }.map_err(|errno| Error::Background(errno.into()))? {
        ForkResult::Child => Ok(Background(writer)),
        ForkResult::Parent { child } => {
            // The child has the only one now: its end is the end of the pipe.
            drop(writer);
            exit(verdict(reader, child))
        }
    }
}
// ANCHOR_END: background

fn threads() -> io::Result<usize> {
    Ok(read_dir("/proc/self/task")?.count())
}

/// Waits for the child's word, or its end. Returns the status that the parent is to end with.
///
/// * The word comes, one byte: 0.
/// * The child exits without it, and its status is not 0: that status. It has said why on stderr.
/// * A signal ends the child: 128 and the number of the signal, as a shell has it. stderr is told.
/// * All else, be it an exit with 0: 1. stderr is told that the server was never ready.
///
/// After EINTR, waitpid(2) is asked again.
fn verdict(mut reader: PipeReader, child: Pid) -> i32 {
    // EXERCISE: 13.3
    if reader.read_exact(&mut [0]).is_ok() {
        return 0;
    }
    let status = loop {
        match waitpid(child, None) {
            Err(Errno::EINTR) => {}
            status => break status,
        }
    };
    match status {
        // It has said why on stderr.
        Ok(WaitStatus::Exited(_, status)) if status != 0 => status,
        Ok(WaitStatus::Signaled(_, signal, _)) => {
            eprintln!("the server was ended by {signal} before it was ready");
            128 + signal as i32
        }
        _ => {
            eprintln!("the server ended before it was ready");
            1
        }
    }
    // EXERCISE_END: 13.3
}

impl Background {
    /// All is well: the parent ends, and this process is on its own. It leaves the terminal (setsid(2)), its
    /// directory and its standard files, which are /dev/null from now on.
    ///
    /// # Errors
    ///
    /// A system call failed. The parent ends with an error when this process ends.
    // ANCHOR: ready
    pub fn ready(mut self) -> Result<(), Error> {
        let leave = || -> nix::Result<()> {
            setsid()?;
            chdir("/")
        };
        leave().map_err(|errno| Error::Background(errno.into()))?;
        let null = File::options().read(true).write(true).open("/dev/null");
        let null = null.map_err(Error::Background)?;
        // Nobody reads it, if the parent is gone: then nobody waits.
        let _ = self.0.write_all(b"!");
        dup2_stdin(&null).map_err(|errno| Error::Background(errno.into()))?;
        dup2_stdout(&null).map_err(|errno| Error::Background(errno.into()))?;
        dup2_stderr(&null).map_err(|errno| Error::Background(errno.into()))
    }
    // ANCHOR_END: ready
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_with_several_threads_stays_where_it_is() {
        // The test's own thread, and the one that waits for it.
        let refused = background().unwrap_err().to_string();
        assert!(refused.starts_with("cannot go into the background: this process has several"));
    }

    #[test]
    fn a_child_without_a_word_was_never_ready() {
        let verdict_of = |script: &str, word: &[u8]| {
            let (reader, mut writer) = pipe().unwrap();
            writer.write_all(word).unwrap();
            drop(writer);
            let mut child = Command::new("sh").args(["-c", script]).spawn().unwrap();
            let verdict = verdict(reader, Pid::from_raw(child.id() as i32));
            // It may have been waited for already.
            let _ = child.wait();
            verdict
        };
        assert_eq!(
            verdict_of("exit 3", b"!"),
            0,
            "the word came; what comes later does not matter"
        );
        assert_eq!(verdict_of("exit 3", b""), 3, "no word, and status 3");
        assert_eq!(verdict_of("exit 0", b""), 1, "no word, and status 0");
        assert_eq!(verdict_of("kill -TERM $$", b""), 128 + 15, "no word, and SIGTERM");
    }
}
