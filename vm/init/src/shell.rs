//! A shell on the console, to look around.

use std::process::Command;

use anyhow::{Context, ensure};
use vm_init::BIN_DIR;

/// Runs busybox's shell until it ends.
pub fn shell() -> anyhow::Result<()> {
    let busybox = || {
        let mut command = Command::new(format!("{BIN_DIR}/busybox"));
        command.env("PATH", BIN_DIR).env("HOME", "/tmp").env("PS1", "guest # ").current_dir("/tmp");
        command
    };
    let installed = busybox().args(["--install", "-s", BIN_DIR]).status();
    ensure!(installed.context("cannot start busybox")?.success(), "busybox --install failed");
    println!("\nA shell in the guest; the steps' programs are in {BIN_DIR}. Leave with: exit\n");
    // A session of its own with the console as its terminal, so that Ctrl-C reaches what runs there.
    busybox().args(["setsid", "cttyhack", "sh"]).status().context("cannot start the shell")?;
    Ok(())
}
