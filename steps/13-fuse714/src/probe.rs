//! What can be done here?

use std::env;
use std::fmt;
use std::fs;
use std::process;
use std::thread;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::utsname::uname;
use step01_device::{BUFFER_SIZE, Device, Mount};
use step02_wire::abi::{InitFlags, InitIn};
use step02_wire::{Operation, decode};
use step03_handshake::Wishes;
use step10_pipe::{PAGE, Pipe, Vmsplice, probe_splice, probe_vmsplice};
use step11_splice_reply::{SplicePath, Strategy};

use crate::mount::chosen;
use crate::options::MountBy;
use crate::serve::CannotSplice;

/// What this kernel and this sandbox can do. It prints as a table.
#[derive(Debug, Clone)]
pub struct Probe {
    /// As `uname -r` prints it.
    pub kernel: String,
    /// What the kernel offers in its INIT, or why that is not known.
    pub offer: Result<Offer, String>,
    /// Who would mount: [`MountBy::Direct`] or [`MountBy::Fusermount`].
    pub mount: MountBy,
    /// What can be spliced.
    pub splicing: Splicing,
    /// The slots of a new pipe.
    pub default_slots: Result<usize, Errno>,
    /// `/proc/sys/fs/pipe-max-size`: the largest pipe for those without privilege, in bytes.
    pub pipe_max_size: Option<usize>,
    /// `/proc/sys/fs/pipe-user-pages-soft`: from so many pages in one user's pipes on, new ones are small.
    pub pipe_user_pages_soft: Option<usize>,
}

/// The kernel's half of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// 7.
    pub major: u32,
    /// Today above 40.
    pub minor: u32,
    /// In bytes.
    pub max_readahead: u32,
    /// The first 32 of them, named where 7.14 has a name for them.
    pub flags: InitFlags,
}

/// What can be spliced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Splicing {
    /// Does `splice(2)` work?
    pub splice: Result<(), Errno>,
    /// Does `vmsplice(2)` refer to our memory?
    pub vmsplice: Vmsplice,
    /// The slots that a pipe gets which asks for those of the largest answer.
    pub slots: usize,
}

/// Looks, and tries. As root it asks the kernel for its INIT: by a mount of its own, which nobody else sees.
pub fn probe() -> Probe {
    let kernel = uname().map(|names| names.release().to_string_lossy().into_owned());
    let number = |file: &str| fs::read_to_string(file).ok()?.trim().parse().ok();
    let slots = |pipe: Pipe<_>| pipe.slots();
    Probe {
        kernel: kernel.unwrap_or_else(|errno| errno.to_string()),
        offer: offer(),
        mount: chosen(MountBy::Auto),
        splicing: Splicing::probe(),
        default_slots: Pipe::new()
            .and_then(slots)
            .map_err(|e| e.raw_os_error().map_or(Errno::EIO, Errno::from_raw)),
        pipe_max_size: number("/proc/sys/fs/pipe-max-size"),
        pipe_user_pages_soft: number("/proc/sys/fs/pipe-user-pages-soft"),
    }
}

impl Splicing {
    /// Tries it.
    pub fn probe() -> Splicing {
        let slots = || -> std::io::Result<usize> {
            let mut pipe = Pipe::new()?;
            // A pipe that may not grow is as large as it is.
            let _ = pipe.grow(SplicePath::SLOTS * PAGE);
            pipe.slots()
        };
        Splicing {
            splice: probe_splice(),
            vmsplice: probe_vmsplice(),
            slots: slots().unwrap_or_default(),
        }
    }

    /// The best strategy, and why it is.
    pub fn best(&self) -> (Strategy, &'static str) {
        let strategy = Strategy::best_of(self.splice, self.vmsplice);
        let why = match (strategy, self.vmsplice) {
            (Strategy::Copy, _) => "splice(2) does not work here",
            (Strategy::Patch, _) => "a header can be changed while it is in a pipe",
            (Strategy::Optimistic, Vmsplice::Refused(_)) => "vmsplice(2) is refused",
            (Strategy::Optimistic, _) => "vmsplice(2) copies, so a header in a pipe stays as it is",
        };
        (strategy, why)
    }

    /// Can the largest answer be spliced?
    pub(crate) fn check(&self) -> Result<(), CannotSplice> {
        self.splice.map_err(CannotSplice::NoSplice)?;
        match self.slots {
            enough if enough >= SplicePath::SLOTS => Ok(()),
            slots => Err(CannotSplice::SmallPipes(slots, SplicePath::SLOTS)),
        }
    }

    /// Can this strategy work at all?
    pub(crate) fn check_strategy(&self, strategy: Strategy) -> Result<(), CannotSplice> {
        if strategy != Strategy::Copy {
            self.splice.map_err(CannotSplice::NoSplice)?;
        }
        match (strategy, self.vmsplice) {
            (Strategy::Patch, Vmsplice::ByReference) => Ok(()),
            (Strategy::Patch, other) => Err(CannotSplice::NoReference(other)),
            _ => Ok(()),
        }
    }
}

/// What the kernel says in the first message to a server. In a thread that has the mounts for itself: nobody
/// else sees this one, and it goes when the thread ends.
fn offer() -> Result<Offer, String> {
    if chosen(MountBy::Auto) != MountBy::Direct {
        return Err("it takes a mount to ask, and this user may not make a private one".into());
    }
    let dir = env::temp_dir().join(format!("fuse714-probe-{}", process::id()));
    fs::create_dir(&dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    let asked = thread::scope(|scope| {
        let asking = scope.spawn(|| -> Result<Offer, Box<dyn std::error::Error + Send + Sync>> {
            unshare(CloneFlags::CLONE_NEWNS)?;
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
            let device = Device::open().map_err(|e| e.to_string())?;
            let _mount = Mount::new(&device, &dir, "probe", &[]).map_err(|e| e.to_string())?;
            let mut buffer = vec![0; BUFFER_SIZE];
            match decode(device.read_message(&mut buffer)?)?.1 {
                Operation::Init { arg } => Ok(Offer::from(arg)),
                other => Err(format!("the kernel's first message is {other:?}").into()),
            }
        });
        asking.join().unwrap_or_else(|_| Err("the probe panicked".into()))
    });
    let _ = fs::remove_dir(&dir);
    asked.map_err(|error| error.to_string())
}

impl From<InitIn> for Offer {
    fn from(InitIn { major, minor, max_readahead, flags }: InitIn) -> Offer {
        Offer { major, minor, max_readahead, flags }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, what: &dyn fmt::Display| writeln!(f, "{name:<22}{what}");
        row("kernel", &self.kernel)?;
        match &self.offer {
            Ok(offer) => {
                let taken = Wishes::default().flags & offer.flags;
                let left = InitFlags::all() & offer.flags & !taken;
                let newer = offer.flags.bits() & !InitFlags::all().bits();
                row("FUSE", &format_args!("{}.{}, spoken as 7.14", offer.major, offer.minor))?;
                row("flags offered, taken", &names(taken))?;
                row("offered, left", &names(left))?;
                row("newer than 7.14", &format_args!("{newer:#010x}"))?;
            }
            Err(why) => row("FUSE", &format_args!("not known: {why}"))?,
        }
        row(
            "would mount by",
            &match self.mount {
                MountBy::Direct => "mount(2)",
                _ => "fusermount3",
            },
        )?;
        let Splicing { splice, vmsplice, slots } = self.splicing;
        row("splice(2)", &splice.map_or_else(|e| format!("no: {e}"), |()| "yes".into()))?;
        row(
            "vmsplice(2)",
            &match vmsplice {
                Vmsplice::ByReference => "by reference".into(),
                Vmsplice::Copies => "copies".into(),
                Vmsplice::Refused(errno) => format!("refused: {errno}"),
            },
        )?;
        let told = |number: Option<usize>| number.map_or("not known".into(), |n| n.to_string());
        row(
            "slots of a pipe",
            &match self.default_slots {
                Ok(slots) => slots.to_string(),
                Err(errno) => format!("no pipe: {errno}"),
            },
        )?;
        row(&format!("… that asks for {}", SplicePath::SLOTS), &slots)?;
        row("pipe-max-size", &told(self.pipe_max_size))?;
        row("pipe-user-pages-soft", &told(self.pipe_user_pages_soft))?;
        let (strategy, why) = self.splicing.best();
        row("strategy", &format_args!("{strategy}: {why}"))
    }
}

fn names(flags: InitFlags) -> String {
    let names: Vec<_> = flags.iter_names().map(|(name, _)| name).collect();
    if names.is_empty() { "-".into() } else { names.join("|") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_described_line_by_line() {
        let probe = Probe {
            kernel: "6.12.0".into(),
            offer: Ok(Offer {
                major: 7,
                minor: 41,
                max_readahead: 131_072,
                flags: InitFlags::from_bits_retain(0x73ff_ffff),
            }),
            mount: MountBy::Direct,
            splicing: Splicing {
                splice: Ok(()),
                vmsplice: Vmsplice::Refused(Errno::EPERM),
                slots: 64,
            },
            default_slots: Ok(16),
            pipe_max_size: Some(1_048_576),
            pipe_user_pages_soft: None,
        };
        assert_eq!(
            probe.to_string(),
            "\
kernel                6.12.0
FUSE                  7.41, spoken as 7.14
flags offered, taken  ASYNC_READ|BIG_WRITES
offered, left         POSIX_LOCKS|FILE_OPS|ATOMIC_O_TRUNC|EXPORT_SUPPORT|DONT_MASK
newer than 7.14       0x73ffff80
would mount by        mount(2)
splice(2)             yes
vmsplice(2)           refused: EPERM: Operation not permitted
slots of a pipe       16
… that asks for 34    64
pipe-max-size         1048576
pipe-user-pages-soft  not known
strategy              optimistic: vmsplice(2) is refused
"
        );
    }

    #[test]
    fn this_machine_has_pipes() {
        let here = Splicing::probe();
        assert!(here.slots >= 2, "{here:?}");
        assert_eq!(here.best().0, Strategy::best());
    }
}
