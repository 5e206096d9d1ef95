//! `cargo xtask run STEP …`: a step on this machine's own kernel.

use std::ffi::OsString;
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
    /// What its server is told: an empty directory to mount on, --trace. `-- --help` lists all.
    #[arg(allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

pub fn run(Arguments { step, arguments }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    let package = steps::find(&sh, &step)?.package;
    let root = steps::workspace_root();
    let manifest = root.join("Cargo.toml");
    // The whole workspace, but one program of it: so its dependencies are those built already.
    cmd!(sh, "cargo build --quiet --manifest-path {manifest} --workspace --bin {package}").run()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let program = target.join("debug").join(&package);

    let told: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    eprintln!("$ {} {}", program.display(), told.join(" "));
    // We become the server: its signals are its own.
    let error = Command::new(&program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", program.display()))
}
