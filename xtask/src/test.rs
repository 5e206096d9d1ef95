//! `cargo xtask test`: everything.

use std::time::Instant;

use xshell::{Shell, cmd};

use crate::{Outcome, steps, vm_test};

/// Run every test: those that need no kernel, then those in the VM.
#[derive(clap::Args)]
pub struct Arguments {}

pub fn test(Arguments {}: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    sh.change_dir(steps::workspace_root());

    let start = Instant::now();
    // Not `?`: a test that fails is a verdict (1), not a failure of the rig (2).
    let without_kernel = cmd!(sh, "cargo test --workspace --quiet").run();
    eprintln!("[tests without a kernel: {:.1} s]\n", start.elapsed().as_secs_f64());

    let in_the_vm = vm_test::vm_test(vm_test::Arguments::default())?;
    if let Err(error) = without_kernel {
        eprintln!("\nthe tests without a kernel failed: {error}");
        return Ok(Outcome::Bad);
    }
    Ok(in_the_vm)
}
