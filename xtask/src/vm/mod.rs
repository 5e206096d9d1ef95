//! A virtual machine with a real kernel: chosen, packed, booted, listened to.

pub mod guest;
pub mod initramfs;
pub mod kernel;
pub mod machine;
pub mod modules;
pub mod qemu;
pub mod report;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use vm_init::{JOB_PATH, Job, Record, Work};
use xshell::Shell;

use crate::vm::guest::{Programs, Tests};
use crate::vm::initramfs::Initramfs;
use crate::vm::kernel::Kernel;
use crate::vm::machine::Machine;
use crate::vm::qemu::{Accel, Qemu};

/// What every command that boots a VM can be told.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// The kernel: a series from vm/kernels.toml, or the path of a vmlinuz.
    #[arg(long, value_name = "SERIES|PATH", default_value = kernel::DEFAULT)]
    pub kernel: String,
    /// The modules of a kernel given by its path: a directory like /lib/modules/RELEASE.
    #[arg(long, value_name = "DIR")]
    pub modules: Option<PathBuf>,
    /// How to run it: `auto` believes in KVM only after a guest has booted with it.
    #[arg(long, value_enum, default_value_t = Accel::Auto)]
    pub accel: Accel,
    /// How many processors the guest has.
    #[arg(long, default_value_t = 1)]
    pub smp: u32,
    /// Deadline of each test or program in the guest, in seconds.
    #[arg(long, default_value_t = 20)]
    pub timeout: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            kernel: kernel::DEFAULT.into(),
            modules: None,
            accel: Accel::Auto,
            smp: 1,
            timeout: 20,
        }
    }
}

/// A guest that has said hello.
pub struct Guest {
    pub machine: Machine,
    /// One line on what runs: kernel, protocol, QEMU, acceleration, the time it took.
    pub banner: String,
}

/// What a guest needs, found or built: QEMU, a kernel and the programs.
pub struct Parts {
    qemu: Qemu,
    kernel: Kernel,
    /// What will be in the guest.
    pub programs: Programs,
}

/// Gets ready all that a boot needs, and says on stderr what takes long.
pub fn prepare(sh: &Shell, options: &Options, tests: Tests) -> anyhow::Result<Parts> {
    let qemu = qemu::find_or_install(sh)?;
    let kernel = kernel::choose(sh, &options.kernel, options.modules.as_deref())?;
    let programs = guest::build(sh, tests)?;
    Ok(Parts { qemu, kernel, programs })
}

/// Boots a guest that will do `work`, and waits for its hello.
pub fn boot(sh: &Shell, parts: &Parts, options: &Options, work: Work) -> anyhow::Result<Guest> {
    let Parts { qemu, kernel, programs } = parts;
    let modules = modules::needed(sh, kernel)?;
    let job = Job { modules: modules.iter().map(|module| module.path.clone()).collect(), work };

    let mut initramfs = Initramfs::default();
    initramfs.console()?;
    initramfs.file(JOB_PATH, 0o644, &serde_json::to_vec(&job)?)?;
    for module in &modules {
        initramfs.file(&module.path, 0o644, &module.content)?;
    }
    programs.pack(sh, &mut initramfs)?;
    let initramfs = initramfs.finish()?;

    let attempt = |kvm| -> anyhow::Result<Guest> {
        let start = Instant::now();
        let mut machine = Machine::start(qemu, &kernel.image, &initramfs, options.smp, kvm)?;
        let patience = if kvm { Duration::from_secs(10) } else { Duration::from_secs(120) };
        match machine.next(patience)? {
            Some(Record::Hello { release, fuse }) => {
                let how = if kvm { "KVM" } else { "emulated" };
                let banner = format!(
                    "kernel {release} (FUSE {fuse}), qemu {}, {how}, up in {:.1} s",
                    qemu.version,
                    start.elapsed().as_secs_f64()
                );
                Ok(Guest { machine, banner })
            }
            Some(other) => bail!("the guest's first record is {other:?}"),
            None => Err(machine.lost()).context("the guest did not come up"),
        }
    };
    match qemu.acceleration(options.accel)? {
        qemu::Choice::Emulated => attempt(false),
        qemu::Choice::Kvm => attempt(true),
        qemu::Choice::TryKvm => match attempt(true) {
            Ok(guest) => {
                qemu.remember_kvm(true);
                Ok(guest)
            }
            Err(error) if crate::interrupt::requested() => Err(error),
            Err(error) => {
                let why = format!("{error:#}");
                eprintln!(
                    "KVM runs no guest here ({}); emulating",
                    why.lines().next().unwrap_or_default()
                );
                qemu.remember_kvm(false);
                attempt(false)
            }
        },
    }
}
