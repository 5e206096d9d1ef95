//! The guided visit that `cargo xtask demo` shows: starts a server with its trace on, visits it, stops it.
//!
//! `guide SERVER`
//!
//! The server's trace, the client's commands and what they print all go into one pipe, so that they
//! come out in the order in which they happened.

use std::fs;
use std::io::{Write, stdout};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kernel_tests::{Server, device_number, is_mounted, programs};
use nix::mount::{MsFlags, mount};

fn main() -> anyhow::Result<()> {
    let server = std::env::args().nth(1).context("usage: guide SERVER")?;
    let dir = std::env::current_dir()?.join("mnt");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;

    let one_pipe =
        || -> anyhow::Result<Stdio> { Ok(stdout().as_fd().try_clone_to_owned()?.into()) };
    say(&format!("$ {server} --trace=stable mnt &"))?;
    let mut command = Command::new(programs().join(&server));
    command.arg("--trace=stable").arg(&dir).stdout(Stdio::null()).stderr(one_pipe()?);
    let server = Server::start(command, &dir)?;
    let_it_come_to_rest(&dir)?;
    for (what, path) in [("ls", ""), ("cat", "hello.txt")] {
        visit(what, &dir, path)?;
    }
    say("$ kill %1")?;
    let status = server.interrupt()?;
    ensure!(status.success(), "the server ended with {status}");
    Ok(())
}

fn visit(what: &str, dir: &Path, path: &str) -> anyhow::Result<()> {
    let target: PathBuf = if path.is_empty() { dir.to_owned() } else { dir.join(path) };
    let shown = if path.is_empty() { "mnt".to_owned() } else { format!("mnt/{path}") };
    say(&format!("$ {what} {shown}"))?;
    let status = Command::new(programs().join("visit")).arg(what).arg(target).status()?;
    ensure!(status.success(), "{what} {shown} ended with {status}");
    let_it_come_to_rest(dir)
}

/// Waits until no request is in flight: INIT after mounting, and RELEASE after the last close, come
/// without a client that would wait for them.
fn let_it_come_to_rest(dir: &Path) -> anyhow::Result<()> {
    let connections = Path::new("/sys/fs/fuse/connections");
    if !is_mounted(connections)? {
        // The guest has it; a machine of one's own may not.
        let none = None::<&str>;
        mount(Some("fusectl"), connections, Some("fusectl"), MsFlags::empty(), none)
            .context("cannot mount the FUSE control file system")?;
    }
    // Ours alone: a machine of one's own may have others, and a connection is called by its device number.
    let number = device_number(dir)?.context("the file system has gone")?;
    let minor = number.split(':').next_back().unwrap_or_default();
    let waiting = connections.join(minor).join("waiting");
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let count = fs::read_to_string(&waiting)
            .with_context(|| format!("cannot read {}", waiting.display()))?;
        if count.trim() == "0" {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{} requests are still not answered", count.trim());
        thread::sleep(Duration::from_millis(2));
    }
}

fn say(line: &str) -> anyhow::Result<()> {
    stdout().write_all(format!("{line}\n").as_bytes()).context("cannot print")
}
