//! Programs that Debian packages bring.

use anyhow::{Context, bail};
use nix::unistd::geteuid;
use xshell::{Shell, cmd};

/// Installs `package` where `program` is missing, if we are root and apt is here.
///
/// # Errors
///
/// Says what to type, where it cannot be installed.
pub fn provide(sh: &Shell, program: &str, package: &str) -> anyhow::Result<()> {
    let is_there = |program: &str| {
        cmd!(sh, "{program} --version").quiet().ignore_stdout().ignore_stderr().run()
    };
    if is_there(program).is_ok() {
        return Ok(());
    }
    if is_there("apt-get").is_err() {
        bail!("{program} is missing. Install it with your distribution's package manager");
    }
    if !geteuid().is_root() {
        bail!("{program} is missing. Install it: sudo apt-get install {package}");
    }
    eprintln!("{program} is missing; we are root, so it is installed now:");
    cmd!(sh, "apt-get --quiet=2 update").run()?;
    cmd!(sh, "apt-get --quiet=2 --yes --no-install-recommends install {package}")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .ignore_stdout()
        .run()
        .with_context(|| {
            format!("cannot install {program}. Try it by hand: apt-get install {package}")
        })
}
