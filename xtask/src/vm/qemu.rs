//! QEMU: is it here, and does KVM work here?

use std::fs::{self, OpenOptions};
use std::path::PathBuf;

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::package::provide;
use crate::vm::kernel::cache_dir;

/// The program.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// An installed QEMU.
pub struct Qemu {
    /// `7.2.22`
    pub version: String,
    /// The file that remembers whether a guest has booted under KVM: with this QEMU, on this kernel.
    verdict: PathBuf,
}

/// What the user asks for.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accel {
    /// KVM where a guest has booted with it, else emulation.
    Auto,
    /// KVM or an error.
    Kvm,
    /// Emulation (QEMU's TCG), which works everywhere.
    Tcg,
}

/// What follows from it here.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice {
    Kvm,
    /// Nobody knows yet. If no guest says hello, emulate.
    TryKvm,
    Emulated,
}

/// QEMU; installed first where it is missing, we are root and apt is here.
pub fn find_or_install(sh: &Shell) -> anyhow::Result<Qemu> {
    provide(sh, PROGRAM, "qemu-system-x86")?;
    found(sh)?.with_context(|| format!("{PROGRAM} --version tells no version"))
}

fn found(sh: &Shell) -> anyhow::Result<Option<Qemu>> {
    let Some(version) = version(sh) else { return Ok(None) };
    let host = cmd!(sh, "uname -r").quiet().read()?;
    let verdict = cache_dir()?.join("kvm").join(format!("qemu-{version}-on-{host}"));
    Ok(Some(Qemu { version, verdict }))
}

/// Has a guest booted with KVM here? `None`: nobody has tried.
pub fn remembered_kvm(sh: &Shell) -> Option<bool> {
    found(sh).ok()??.remembered()
}

/// The installed version, if there is one.
///
/// `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)` is `7.2.22`.
pub fn version(sh: &Shell) -> Option<String> {
    let text = cmd!(sh, "{PROGRAM} --version").quiet().ignore_stderr().read().ok()?;
    let version = text.lines().next()?.split(' ').nth(3)?;
    Some(version.to_owned())
}

impl Qemu {
    /// How to run a guest. An open /dev/kvm proves nothing: it may create a VM and still run no
    /// kernel. So only a guest that came up is believed, and its verdict remembered.
    // ANCHOR: accel
    pub fn acceleration(&self, asked: Accel) -> anyhow::Result<Choice> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/kvm");
        match (asked, device) {
            (Accel::Tcg, _) | (Accel::Auto, Err(_)) => Ok(Choice::Emulated),
            (Accel::Kvm, Err(error)) => Err(error).context("cannot use KVM: cannot open /dev/kvm"),
            (Accel::Kvm, Ok(_)) => Ok(Choice::Kvm),
            (Accel::Auto, Ok(_)) => Ok(match self.remembered() {
                Some(true) => Choice::Kvm,
                Some(false) => Choice::Emulated,
                None => Choice::TryKvm,
            }),
        }
    }
    // ANCHOR_END: accel

    fn remembered(&self) -> Option<bool> {
        match fs::read_to_string(&self.verdict).as_deref() {
            Ok("works\n") => Some(true),
            Ok("fails\n") => Some(false),
            _ => None,
        }
    }

    /// Remembers what came of [`Choice::TryKvm`]. Not being able to costs ten seconds next time.
    pub fn remember_kvm(&self, works: bool) {
        if let Some(dir) = self.verdict.parent() {
            let _ = fs::create_dir_all(dir);
        }
        let _ = fs::write(&self.verdict, if works { "works\n" } else { "fails\n" });
    }
}
