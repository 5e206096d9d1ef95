//! `cargo xtask demo`: the main job, one command from a fresh clone.

use xshell::Shell;

use crate::{Outcome, steps, vm, vm_run};

/// Boot a VM, mount the newest step's server, visit it, and show the conversation.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    vm: vm::Options,
}

pub fn demo(Arguments { vm: options }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    let server = steps::newest(&sh)?.package;
    let command = vec!["guide".to_owned(), server];
    vm_run::run_in_guest(&sh, &options, command, |text| print!("{text}"))
}
