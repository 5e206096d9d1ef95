//! The guided visit that `cargo xtask demo` shows: starts a server with `--trace`, visits it, stops it.
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

use anyhow::{Context, ensure};
use kernel_tests::{Server, programs};

fn main() -> anyhow::Result<()> {
    let server = std::env::args().nth(1).context("usage: guide SERVER")?;
    let dir = std::env::current_dir()?.join("mnt");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;

    let one_pipe =
        || -> anyhow::Result<Stdio> { Ok(stdout().as_fd().try_clone_to_owned()?.into()) };
    say(&format!("$ {server} --trace mnt &"))?;
    let mut command = Command::new(programs().join(&server));
    command.arg("--trace").arg(&dir).stdout(Stdio::null()).stderr(one_pipe()?);
    let server = Server::start(command, &dir)?;
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
    Ok(())
}

fn say(line: &str) -> anyhow::Result<()> {
    stdout().write_all(format!("{line}\n").as_bytes()).context("cannot print")
}
