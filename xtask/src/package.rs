//! Programs that Debian packages bring.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use nix::unistd::geteuid;
use xshell::{Shell, cmd};

/// The PATH, and behind it where programs for root are, which not everybody's PATH leads to.
pub fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    // No directory of a PATH has a colon in its name.
    env::join_paths(dirs).unwrap_or(path)
}

/// Where a program is, if it is here.
pub fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path()).map(|dir| dir.join(program)).find(|path| path.is_file())
}

/// A program. Installs `package` where it is missing, if we are root and apt is here.
///
/// # Errors
///
/// Says what to type, where it cannot be installed.
pub fn provide(sh: &Shell, program: &str, package: &str) -> anyhow::Result<PathBuf> {
    if find(program).is_none() {
        install(sh, program, package)?;
    }
    find(program).with_context(|| format!("{package} is installed, and there is no {program}"))
}

/// The same for a file that is no program.
pub fn provide_file(sh: &Shell, path: &Path, package: &str) -> anyhow::Result<()> {
    let what = path.display().to_string();
    if !path.exists() {
        install(sh, &what, package)?;
    }
    ensure!(path.exists(), "{package} is installed, and there is no {what}");
    Ok(())
}

fn install(sh: &Shell, what: &str, package: &str) -> anyhow::Result<()> {
    if find("apt-get").is_none() {
        bail!("{what} is missing. Install it with your distribution's package manager");
    }
    if !geteuid().is_root() {
        bail!("{what} is missing. Install it: sudo apt-get install {package}");
    }
    eprintln!("{what} is missing; we are root, so it is installed now:");
    cmd!(sh, "apt-get --quiet=2 update").run()?;
    cmd!(sh, "apt-get --quiet=2 --yes --no-install-recommends install {package}")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .ignore_stdout()
        .run()
        .with_context(|| {
            format!("cannot install {what}. Try it by hand: apt-get install {package}")
        })
}
