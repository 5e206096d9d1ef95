//! A client that locks, as it is told line by line: `locker` reads commands, and answers each with a line.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, stdin};
use std::os::fd::AsRawFd;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

const USAGE: &str = "\
open NAME FILE                     open it, for reading and writing
dup NAME OTHER                     a second descriptor, NAME, of what OTHER has open
close NAME
posix NAME HOW KIND START LENGTH   fcntl(2), F_SETLK; LENGTH 0: to the end
ofd NAME HOW KIND START LENGTH     fcntl(2), F_OFD_SETLK
flock NAME HOW KIND                flock(2)
HOW: try, wait, get (which lock is in the way?), soon (try again for a while)
KIND: read, write, unlock
SIGUSR1 interrupts what waits";

extern "C" fn nothing(_: libc::c_int) {}

fn main() -> anyhow::Result<()> {
    // Without SA_RESTART: what waits returns.
    let handler = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing, which is allowed at any time.
    unsafe { sigaction(Signal::SIGUSR1, &handler) }?;
    let mut files = HashMap::new();
    for line in stdin().lock().lines() {
        println!("{}", answer(&mut files, &line?)?);
    }
    Ok(())
}

fn answer(files: &mut HashMap<String, File>, line: &str) -> anyhow::Result<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let file =
        |name: &str| files.get(name).with_context(|| format!("{line}: nothing called {name}"));
    let done = match words[..] {
        ["open", name, path] => {
            let opened = File::options().read(true).write(true).open(path)?;
            files.insert(name.to_owned(), opened);
            Ok(())
        }
        ["dup", name, other] => {
            let copy = file(other)?.try_clone()?;
            files.insert(name.to_owned(), copy);
            Ok(())
        }
        ["close", name] => {
            files.remove(name).with_context(|| format!("{line}: nothing called {name}"))?;
            Ok(())
        }
        ["flock", name, how, kind] => flock(file(name)?, how, kind),
        ["posix" | "ofd", name, "get", kind, start, length] => {
            return get(file(name)?, words[0] == "ofd", range(kind, start, length)?);
        }
        ["posix" | "ofd", name, how, kind, start, length] => {
            let range = range(kind, start, length)?;
            set(file(name)?, words[0] == "ofd", how, range)
        }
        _ => bail!("{line}: that is none of\n{USAGE}"),
    };
    Ok(done.map_or_else(|errno: Errno| format!("{errno:?}"), |()| "ok".into()))
}

fn range(kind: &str, start: &str, length: &str) -> anyhow::Result<libc::flock> {
    let l_type = match kind {
        "read" => libc::F_RDLCK,
        "write" => libc::F_WRLCK,
        "unlock" => libc::F_UNLCK,
        _ => bail!("{kind}: that is no kind of lock"),
    };
    let (l_start, l_len) = (start.parse()?, length.parse()?);
    Ok(libc::flock {
        l_type: l_type as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start,
        l_len,
        l_pid: 0,
    })
}

fn set(file: &File, ofd: bool, how: &str, range: libc::flock) -> Result<(), Errno> {
    let command = || match (ofd, how) {
        (false, "wait") => FcntlArg::F_SETLKW(&range),
        (false, _) => FcntlArg::F_SETLK(&range),
        (true, "wait") => FcntlArg::F_OFD_SETLKW(&range),
        (true, _) => FcntlArg::F_OFD_SETLK(&range),
    };
    again(how, || fcntl(file, command()).map(drop))
}

fn get(file: &File, ofd: bool, mut range: libc::flock) -> anyhow::Result<String> {
    match ofd {
        false => fcntl(file, FcntlArg::F_GETLK(&mut range))?,
        true => fcntl(file, FcntlArg::F_OFD_GETLK(&mut range))?,
    };
    let kind = match libc::c_int::from(range.l_type) {
        libc::F_UNLCK => return Ok("free".into()),
        libc::F_RDLCK => "read",
        _ => "write",
    };
    Ok(format!("{kind} {} {} of process {}", range.l_start, range.l_len, range.l_pid))
}

fn flock(file: &File, how: &str, kind: &str) -> Result<(), Errno> {
    let kind = match kind {
        "read" => libc::LOCK_SH,
        "write" => libc::LOCK_EX,
        _ => libc::LOCK_UN,
    };
    let waits = if how == "wait" { 0 } else { libc::LOCK_NB };
    // SAFETY: flock(2) takes two numbers; the descriptor is open.
    again(how, || Errno::result(unsafe { libc::flock(file.as_raw_fd(), kind | waits) }).map(drop))
}

/// `soon`: what unlocks may be on its way, as the RELEASE of a closed file is.
fn again(how: &str, act: impl Fn() -> Result<(), Errno>) -> Result<(), Errno> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match act() {
            Err(Errno::EAGAIN) if how == "soon" && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}
