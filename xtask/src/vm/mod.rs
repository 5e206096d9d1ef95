//! A virtual machine with a real kernel: chosen, packed, booted, listened to.

pub mod carry;
pub mod download;
pub mod dynamic;
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

use crate::steps::workspace_root;
use crate::vm::guest::{Programs, Tests};
use crate::vm::initramfs::Initramfs;
use crate::vm::kernel::Kernel;
use crate::vm::machine::{Heard, Launch, Machine};
use crate::vm::qemu::{Accel, Qemu};

/// What every command that boots a VM can be told.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// The kernel: a series from vm/kernels.toml (5.10, 6.1, 6.12, newest), `all` of them, or the
    /// path of a vmlinuz.
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
    /// Deadline of each test or program in the guest, in seconds; of a suite's tests it is 900.
    #[arg(long, value_name = "SECONDS [default: 20]")]
    pub timeout: Option<u64>,
    /// Wait for a debugger before the guest's first instruction.
    #[arg(long)]
    pub gdb: bool,
    /// Show QEMU's command, and the guest's console at the end.
    #[arg(short, long)]
    pub verbose: bool,
    /// Whose programs and tests: this workspace's, or the learner's (`mine/`).
    #[arg(skip = workspace_root())]
    pub workspace: PathBuf,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            kernel: kernel::DEFAULT.into(),
            modules: None,
            accel: Accel::Auto,
            smp: 1,
            timeout: None,
            gdb: false,
            verbose: false,
            workspace: workspace_root(),
        }
    }
}

impl Options {
    /// The deadline, in seconds.
    pub fn timeout(&self) -> u64 {
        self.timeout.unwrap_or(20)
    }
}

/// A guest that has said hello.
pub struct Guest {
    pub machine: Machine,
    /// One line on what runs: kernel, protocol, QEMU, acceleration, the time it took.
    pub banner: String,
}

/// What a guest needs, found or built: QEMU, one kernel or several, and the programs.
pub struct Parts {
    qemu: Qemu,
    /// At least one.
    pub kernels: Vec<Kernel>,
    /// What will be in the guest.
    pub programs: Programs,
}

/// Gets ready all that a boot needs, and says on stderr what takes long.
pub fn prepare(sh: &Shell, options: &Options, tests: Tests) -> anyhow::Result<Parts> {
    let qemu = qemu::find_or_install(sh)?;
    let kernels = kernel::choose(sh, &options.kernel, options.modules.as_deref())?;
    let programs = guest::build(sh, &options.workspace, tests)?;
    Ok(Parts { qemu, kernels, programs })
}

/// The one kernel that a command wants which does not run several side by side.
pub fn only_kernel(parts: &Parts) -> anyhow::Result<&Kernel> {
    match &parts.kernels[..] {
        [kernel] => Ok(kernel),
        several => {
            bail!("this takes one kernel, not {}: give --kernel 6.12, for example", several.len())
        }
    }
}

/// Boots a guest that will do `work`, and waits for its hello.
pub fn boot(
    sh: &Shell,
    parts: &Parts,
    kernel: &Kernel,
    options: &Options,
    work: Work,
) -> anyhow::Result<Guest> {
    let Parts { qemu, programs, .. } = parts;
    let modules = modules::needed(sh, kernel)?;
    let files: Vec<_> = modules.iter().map(|module| module.file.clone()).collect();
    kernel.verify(sh, &files)?;
    let terminal = work == Work::Shell;
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
        let launch = Launch {
            qemu,
            kernel: &kernel.image,
            initramfs: &initramfs,
            smp: options.smp,
            kvm,
            terminal,
            gdb: options.gdb,
            verbose: options.verbose,
        };
        let mut machine = Machine::start(launch)?;
        let patience = match (options.gdb, kvm) {
            (true, _) => Duration::from_secs(24 * 3600),
            (false, true) => Duration::from_secs(10),
            (false, false) => Duration::from_secs(120),
        };
        match machine.next(patience)? {
            Heard::Record(Record::Hello { release, fuse }) => {
                let how = if kvm { "KVM" } else { "emulated" };
                let banner = format!(
                    "kernel {release} (FUSE {fuse}), qemu {}, {how}, up in {:.1} s",
                    qemu.version,
                    start.elapsed().as_secs_f64()
                );
                Ok(Guest { machine, banner })
            }
            Heard::Record(other) => bail!("the guest's first record is {other:?}"),
            Heard::End => Err(machine.lost()).context("the guest did not come up"),
            Heard::Silence => bail!(
                "the guest did not come up within {} s\n{}",
                patience.as_secs(),
                machine.console_tail()
            ),
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
