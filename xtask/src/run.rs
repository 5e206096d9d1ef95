//! `cargo xtask run STEP MOUNTPOINT`: a step on this machine's own kernel.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::{Outcome, steps};

/// Run a step's server on this machine's own kernel (root; Ctrl-C unmounts).
#[derive(clap::Args)]
pub struct Arguments {
    /// The step: 04, step04 or step04-hello.
    step: String,
    /// An empty directory to mount on.
    mountpoint: PathBuf,
    /// More arguments for the server, for example --trace.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    more: Vec<String>,
}

pub fn run(Arguments { step, mountpoint, more }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    let package = steps::find(&sh, &step)?.package;
    let root = steps::workspace_root();
    let manifest = root.join("Cargo.toml");
    // The whole workspace, but one program of it: so its dependencies are those built already.
    cmd!(sh, "cargo build --quiet --manifest-path {manifest} --workspace --bin {package}").run()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let program = target.join("debug").join(&package);

    let more_text = more.join(" ");
    eprintln!("$ {} {} {more_text}", program.display(), mountpoint.display());
    // We become the server: its signals are its own.
    let error = Command::new(&program).arg(mountpoint).args(more).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
