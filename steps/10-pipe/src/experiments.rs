//! The experiments.

use std::fs::File;
use std::io::{IoSlice, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use anyhow::Context;
use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice, vmsplice};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Uid, fork, setuid};
use step10_pipe::{Empty, Holding, PAGE, Pipe, SLOT_SIZE, Slot, Stop, probe_vmsplice};

/// Takes what an experiment is called, what was expected, and what happened. A headline expects nothing.
type Tell<'a> = dyn FnMut(&str, &str, &str) + 'a;

/// All of them, in the order of the chapter.
pub fn all(tell: &mut Tell<'_>) -> anyhow::Result<()> {
    tell("What fits into a pipe", "", "");
    let file = pages(80)?;
    let new = Pipe::new()?;
    tell("slots of a new pipe", "16", &new.slots()?.to_string());
    let (_, taken) = new.take(file.as_fd(), Some(0), 80 * PAGE);
    tell("pages of a file, until it is full", "16 PipeFull", &in_pages(taken.bytes, taken.stop));
    let mut pipe = header()?;
    let taken = pipe.take(file.as_fd(), Some(0), 80 * PAGE);
    tell("the same behind a header", "15 PipeFull", &in_pages(taken.bytes, taken.stop));
    let behind = behind_two_pages(&file)?;
    tell("behind a header that lies in two pages", "14 pages", &format!("{behind} pages"));
    let mut pipe = header()?;
    let taken = pipe.take(file.as_fd(), Some(1), 80 * PAGE);
    let expected = format!("{} bytes", 15 * PAGE - 1);
    tell("behind a header, from offset 1", &expected, &format!("{} bytes", taken.bytes));
    let mut pipe = header()?;
    let (mut bytes, mut stop) = (0, Stop::Enough);
    while stop == Stop::Enough {
        let taken = pipe.take(file.as_fd(), Some(bytes as u64), 1);
        (bytes, stop) = (bytes + taken.bytes, taken.stop);
    }
    tell("the same, byte by byte", "15 bytes", &format!("{bytes} bytes"));
    tell("100-byte pieces from a socket", "1500 bytes", &format!("{} bytes", pieces(100)?));

    tell("Why it stops", "", "");
    let stop =
        |offset, len| Ok::<_, std::io::Error>(Pipe::new()?.take(file.as_fd(), Some(offset), len).1);
    let end = 80 * PAGE as u64;
    tell("100 bytes of a file", "Enough", &format!("{:?}", stop(0, 100)?.stop));
    tell("100 bytes, 7 before its end", "EndOfData", &format!("{:?}", stop(end - 7, 100)?.stop));
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let socket = || Ok::<_, std::io::Error>(Pipe::new()?.take(ours.as_fd(), None, 100).1);
    tell("a socket that has nothing", "SourceEmpty", &format!("{:?}", socket()?.stop));
    drop(theirs);
    tell("a socket whose peer has closed", "EndOfData", &format!("{:?}", socket()?.stop));
    let directory = File::open("/")?;
    let (_, taken) = Pipe::new()?.take(directory.as_fd(), Some(0), 100);
    let refused = matches!(taken.stop, Stop::SourceError(_));
    tell("a directory", "an error", if refused { "an error" } else { "none" });

    tell("Changed after it went in", "", "");
    tell("vmsplice on this machine", "ByReference", &format!("{:?}", probe_vmsplice()));
    tell("a copied header, then the memory changed", "before", &copied()?);
    tell("a header by reference, then changed", "after", &changed(Slot::new()?, false)?);
    tell("the same in private memory", "after", &changed(Slot::private()?, false)?);
    tell("private memory, and a fork between", "before", &changed(Slot::private()?, true)?);
    tell("shared memory, and a fork between", "after", &changed(Slot::new()?, true)?);

    tell("Growing", "", "");
    let mut pipe = Pipe::new()?;
    pipe.grow(34 * PAGE)?;
    tell("slots, where 34 were asked for", "64", &pipe.slots()?.to_string());
    let most = limit("pipe-max-size")?;
    let refused = as_nobody(|| match Pipe::new()?.grow(2 * most) {
        Err(error) => Ok(error.raw_os_error().unwrap_or(0)),
        Ok(_) => Ok(0),
    })?;
    tell(
        "nobody asks for more than pipe-max-size",
        "EPERM",
        &format!("{:?}", Errno::from_raw(refused)),
    );
    let pipes = limit("pipe-user-pages-soft")? / 64;
    let slots = as_nobody(|| {
        let mut kept = Vec::new();
        for _ in 0..pipes {
            let mut pipe = Pipe::new()?;
            pipe.grow(64 * PAGE)?;
            kept.push(pipe);
        }
        Ok(Pipe::new()?.slots()? as i32)
    })?;
    tell("slots of nobody's next pipe, after too many", "2", &slots.to_string());
    Ok(())
}

/// A file of so many pages.
fn pages(count: usize) -> anyhow::Result<File> {
    let memory = memfd_create(c"pages", MFdFlags::MFD_CLOEXEC).context("cannot make a file")?;
    let mut file = File::from(memory);
    file.write_all(&vec![7; count * PAGE])?;
    Ok(file)
}

/// A pipe with 16 bytes in it.
fn header() -> anyhow::Result<Pipe<Holding>> {
    Ok(Pipe::<Empty>::new()?.write(&[0; SLOT_SIZE])?)
}

fn in_pages(bytes: usize, stop: Stop) -> String {
    format!("{} {stop:?}", bytes / PAGE)
}

/// How many pages fit behind a header that is there by reference, and half in one page, half in the next.
fn behind_two_pages(file: &File) -> anyhow::Result<usize> {
    let memory = vec![7; 3 * PAGE];
    let second = memory.as_ptr().align_offset(PAGE) + PAGE;
    let header = &memory[second - SLOT_SIZE / 2..][..SLOT_SIZE];
    // By hand: a `Slot` never lies like this.
    let (_reader, writer) = std::io::pipe()?;
    vmsplice(&writer, &[IoSlice::new(header)], SpliceFFlags::empty())?;
    let flags = SpliceFFlags::SPLICE_F_NONBLOCK;
    Ok(splice(file, Some(&mut 0), &writer, None, 80 * PAGE, flags)? / PAGE)
}

/// How many bytes fit behind a header, if they come in pieces of this size.
fn pieces(size: usize) -> anyhow::Result<usize> {
    let (ours, mut theirs) = UnixStream::pair()?;
    for _ in 0..40 {
        theirs.write_all(&vec![7; size])?;
    }
    Ok(header()?.take(ours.as_fd(), None, 40 * size).bytes)
}

fn copied() -> anyhow::Result<String> {
    let mut memory = b"before__________".to_vec();
    let pipe = Pipe::new()?.write(&memory)?;
    memory.copy_from_slice(b"after___________");
    word(&pipe.read_all()?.0)
}

/// Puts a slot into a pipe, changes it, and says what comes out.
fn changed(mut slot: Slot, fork_between: bool) -> anyhow::Result<String> {
    slot.set(b"before__________");
    let pipe = Pipe::new()?.refer_to(&slot)?;
    if fork_between {
        in_a_child(|| 0)?;
    }
    slot.set(b"after___________");
    word(&pipe.read_all()?.0)
}

fn word(bytes: &[u8]) -> anyhow::Result<String> {
    Ok(std::str::from_utf8(bytes)?.trim_end_matches('_').to_owned())
}

/// A limit of all pipes, in the unit that /proc has it in.
fn limit(name: &str) -> anyhow::Result<usize> {
    let path = format!("/proc/sys/fs/{name}");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    text.trim().parse().with_context(|| format!("{path} holds no number"))
}

/// What a user without any privilege gets from `act`, or the number of its error.
fn as_nobody(act: impl FnOnce() -> std::io::Result<i32>) -> anyhow::Result<i32> {
    in_a_child(|| {
        // Whoever is not root has no privilege to give up.
        let _ = setuid(Uid::from_raw(65534));
        act().unwrap_or_else(|error| error.raw_os_error().unwrap_or(-1))
    })
}

/// Runs `act` in a child process, to its end; returns what it gave, which must fit into a byte.
fn in_a_child(act: impl FnOnce() -> i32) -> anyhow::Result<i32> {
    // SAFETY: this program has no other threads, so the child may do all that we may.
    match unsafe { fork() }.context("cannot fork")? {
        ForkResult::Child => {
            let result = act();
            // SAFETY: it ends the child at once, without running what the parent will run at its end.
            unsafe { nix::libc::_exit(result) }
        }
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, result) => Ok(result),
            other => anyhow::bail!("a child ended badly: {other:?}"),
        },
    }
}
