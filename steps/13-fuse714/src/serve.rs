//! The second half: agreeing, then serving. All that stands between the kernel and a handler is put
//! together here: paths in and out, workers, layers.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use step01_device::{Device, Mount};
use step02_wire::TraceStyle;
use step02_wire::abi::InitFlags;
use step03_handshake::{Agreement, Wishes};
use step05_server::{Handler, ReadPath, ReplyPath, RequestPath, Session};
use step08_threads::{Interruptible, Interrupts, Locks, default_workers, serve_many};
use step09_notify::Notifier;
use step10_pipe::Vmsplice;
use step11_splice_reply::{Counts, Options, SplicePath, Strategy};
use step12_splice_request::SpliceRequests;

use crate::error::Error;
use crate::probe::Splicing;

/// How to serve.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// How many threads work on requests; `None`: one for each processor, and two at least.
    pub workers: Option<NonZeroUsize>,
    /// Whether to splice.
    pub splice: Splice,
    /// How a spliced answer's header gets its length; `None`: in the best way that works here.
    pub strategy: Option<Strategy>,
    /// Answers from files with fewer bytes than this are copied.
    pub threshold: usize,
    /// Lets the kernel move pages out of the source's cache, in place of copying them
    /// (`SPLICE_F_MOVE`). Whoever reads the source next reads it from its disk.
    pub move_pages: bool,
    /// How requests come in.
    pub requests: Requests,
    /// Who keeps the locks of fcntl(2) and flock(2).
    pub locks: LockKeeper,
    /// What to agree on with the kernel: flags (POSIX_LOCKS goes by `locks`), `max_write`, `max_readahead`,
    /// `max_background`, `congestion_threshold`.
    pub wishes: Wishes,
    /// Prints the conversation on stderr.
    pub trace: Option<TraceStyle>,
}

/// Whether to splice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splice {
    /// Where it works.
    Auto,
    /// Rather not at all than by copying.
    Always,
    /// Copy everything.
    Never,
}

/// How requests come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// By `splice(2)`: the data of a WRITE go to a file unseen ([`Payload::write_to`](crate::Payload::write_to)).
    Splice,
    /// By `read(2)`.
    Read,
}

/// Who keeps the locks of fcntl(2) and flock(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKeeper {
    /// The kernel, for this machine alone. It finds out if two wait for each other (EDEADLK).
    Kernel,
    /// A table in the server ([`step08_threads::Locks`]), as a file system needs it that more than one machine
    /// sees. The handler's open files should have handles of their own.
    Server,
}

impl Default for ServeOptions {
    fn default() -> ServeOptions {
        ServeOptions {
            workers: None,
            splice: Splice::Auto,
            strategy: None,
            threshold: Options::THRESHOLD,
            move_pages: false,
            requests: Requests::Splice,
            locks: LockKeeper::Kernel,
            wishes: Wishes::default(),
            trace: None,
        }
    }
}

/// Mounted, and agreed with the kernel: ready to serve.
pub struct Agreed {
    session: Session,
    /// None: it was unmounted first.
    agreement: Option<Agreement>,
    workers: NonZeroUsize,
    requests: Requests,
    locks: LockKeeper,
    strategy: Strategy,
    splice: Arc<SplicePath>,
    interrupts: Arc<Interrupts>,
}

impl Agreed {
    pub(crate) fn over(
        device: Device,
        mount: Mount,
        options: &ServeOptions,
    ) -> Result<Agreed, Error> {
        let (strategy, requests) = plan(options, &Splicing::probe())?;
        let session = Session::over(device, mount, options.trace);
        let ServeOptions { threshold, move_pages, locks, mut wishes, .. } = *options;
        let how = Options { strategy, threshold, move_pages };
        let splice = Arc::new(SplicePath::new(Arc::clone(session.device()), how));
        let interrupts = Interrupts::new(Arc::clone(&splice) as _);
        wishes.flags.set(InitFlags::POSIX_LOCKS, locks == LockKeeper::Server);
        let agreement = session.agree(&wishes)?;
        let workers = options.workers.unwrap_or_else(default_workers);
        Ok(Agreed { session, agreement, workers, requests, locks, strategy, splice, interrupts })
    }

    /// The mount point, as an absolute path without symbolic links.
    pub fn path(&self) -> &Path {
        self.session.path()
    }

    /// What was agreed on; nothing, if the file system was unmounted first.
    pub fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    /// How answers will go.
    pub fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// How many threads will work on requests.
    pub fn workers(&self) -> NonZeroUsize {
        self.workers
    }

    /// The requests that wait for their answers: for operations that want to know whether their client has
    /// given up.
    pub fn interrupts(&self) -> &Arc<Interrupts> {
        &self.interrupts
    }

    /// Tells the kernel what it has not asked for. From inside an operation use a
    /// [`Queue`](crate::Queue) over it.
    pub fn notifier(&self) -> Notifier {
        Notifier::new(Arc::clone(self.session.device()))
    }

    /// Serves until the file system is unmounted.
    ///
    /// # Errors
    ///
    /// The server cannot go on.
    pub fn serve(self, handler: &dyn Handler) -> Result<Served, Error> {
        let Agreed { session, agreement, workers, requests, locks, splice, interrupts, .. } = self;
        // ANCHOR: layers
        let serve = |handler: &dyn Handler| {
            let device = Arc::clone(session.device());
            let mut inward = || -> Box<dyn RequestPath> {
                match requests {
                    Requests::Splice => Box::new(SpliceRequests::new(Arc::clone(&device))),
                    Requests::Read => Box::new(ReadPath::new(Arc::clone(&device))),
                }
            };
            let outward: Arc<dyn ReplyPath> = Arc::clone(&interrupts) as _;
            serve_many(session, workers, &mut inward, &outward, handler)
        };
        let layer = || Arc::clone(&interrupts);
        match (agreement, locks) {
            (None, _) => {}
            (Some(_), LockKeeper::Kernel) => serve(&Interruptible::new(layer(), handler))?,
            (Some(_), LockKeeper::Server) => {
                serve(&Interruptible::new(layer(), Locks::new(layer(), handler)))?;
            }
        }
        // ANCHOR_END: layers
        Ok(Served(splice))
    }
}

/// Served, and unmounted.
#[derive(Debug)]
pub struct Served(Arc<SplicePath>);

impl Served {
    /// Which way the answers went.
    pub fn counts(&self) -> &Counts {
        self.0.counts()
    }
}

/// What will be done, by what was asked for and what works.
///
/// * Never to splice: copy, and read requests.
/// * Otherwise the strategy that was asked for, and if none was, the best here. Requests as asked for, but read
///   them where `splice(2)` does not work. A strategy is about answers alone.
///
/// # Errors
///
/// What was asked for is not replaced in silence. Of several errors, the first of these:
///
/// * Never, and a strategy that splices, or always, and the one that copies: [`CannotSplice::Contradiction`].
/// * Always, and the largest answers cannot be spliced here ([`Splicing::check`]).
/// * A strategy was asked for, and does not work here ([`Splicing::check_strategy`]).
fn plan(options: &ServeOptions, here: &Splicing) -> Result<(Strategy, Requests), CannotSplice> {
    // EXERCISE: 13.4
    let wanted = options.strategy;
    if options.splice == Splice::Never {
        return match wanted {
            None | Some(Strategy::Copy) => Ok((Strategy::Copy, Requests::Read)),
            Some(strategy) => Err(CannotSplice::Contradiction(strategy)),
        };
    }
    if options.splice == Splice::Always {
        if wanted == Some(Strategy::Copy) {
            return Err(CannotSplice::Contradiction(Strategy::Copy));
        }
        here.check()?;
    }
    if let Some(strategy) = wanted {
        here.check_strategy(strategy)?;
    }
    let requests = match here.splice {
        Ok(()) => options.requests,
        Err(_) => Requests::Read,
    };
    Ok((wanted.unwrap_or_else(|| here.best().0), requests))
    // EXERCISE_END: 13.4
}

/// Why it cannot be spliced as was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CannotSplice {
    /// `splice(2)` fails.
    NoSplice(nix::errno::Errno),
    /// Pipes are too small: the slots that were had, and those that the largest answer takes.
    SmallPipes(usize, usize),
    /// The strategy `patch` needs `vmsplice(2)` by reference.
    NoReference(Vmsplice),
    /// Always or never to splice, and this strategy, cannot both be.
    Contradiction(Strategy),
}

impl fmt::Display for CannotSplice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CannotSplice::NoSplice(errno) => write!(
                f,
                "splice(2) does not work here: {} ({errno:?}). A sandbox may forbid it. To copy instead, \
                 splice where it works: auto",
                errno.desc()
            ),
            CannotSplice::SmallPipes(slots, needed) => write!(
                f,
                "a new pipe gets {slots} slots, and the largest answers take {needed}: they would be copied. \
                 This user has very many pipes already, or small ones are all it may have \
                 (/proc/sys/fs/pipe-max-size, /proc/sys/fs/pipe-user-pages-soft). To splice what fits: auto"
            ),
            CannotSplice::NoReference(vmsplice) => {
                let why = match vmsplice {
                    Vmsplice::Refused(errno) => format!("here it is refused ({errno:?})"),
                    _ => "here it copies".to_owned(),
                };
                write!(
                    f,
                    "the strategy patch needs vmsplice(2) by reference, and {why}. Without a strategy the \
                     best is taken: optimistic"
                )
            }
            CannotSplice::Contradiction(Strategy::Copy) => f.write_str(
                "always to splice, and the strategy copy, which never does: leave one out",
            ),
            CannotSplice::Contradiction(strategy) => {
                write!(f, "never to splice, and the strategy {strategy}, which does: leave one out")
            }
        }
    }
}

impl std::error::Error for CannotSplice {}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    const ALL: Splicing = Splicing { splice: Ok(()), vmsplice: Vmsplice::ByReference, slots: 64 };

    fn planned(
        splice: Splice,
        strategy: Option<Strategy>,
        here: &Splicing,
    ) -> Result<(Strategy, Requests), CannotSplice> {
        plan(&ServeOptions { splice, strategy, ..ServeOptions::default() }, here)
    }

    #[test]
    fn auto_takes_what_works() {
        let auto = |here: &Splicing| planned(Splice::Auto, None, here).unwrap();
        assert_eq!(auto(&ALL), (Strategy::Patch, Requests::Splice));
        let copies = Splicing { vmsplice: Vmsplice::Copies, ..ALL };
        assert_eq!(auto(&copies), (Strategy::Optimistic, Requests::Splice));
        let nothing = Splicing { splice: Err(Errno::EPERM), ..ALL };
        assert_eq!(auto(&nothing), (Strategy::Copy, Requests::Read));
        // Small pipes do for small answers.
        assert_eq!(auto(&Splicing { slots: 2, ..ALL }), (Strategy::Patch, Requests::Splice));
        let copy = planned(Splice::Auto, Some(Strategy::Copy), &ALL);
        assert_eq!(copy, Ok((Strategy::Copy, Requests::Splice)), "a strategy is about answers");
        let read = ServeOptions { requests: Requests::Read, ..ServeOptions::default() };
        assert_eq!(plan(&read, &ALL), Ok((Strategy::Patch, Requests::Read)), "as asked for");
    }

    #[test]
    fn never_copies() {
        assert_eq!(planned(Splice::Never, None, &ALL), Ok((Strategy::Copy, Requests::Read)));
        let patch = planned(Splice::Never, Some(Strategy::Patch), &ALL);
        assert_eq!(patch, Err(CannotSplice::Contradiction(Strategy::Patch)));
    }

    #[test]
    fn always_starts_or_says_why_not() {
        let always = |here: &Splicing| planned(Splice::Always, None, here);
        assert_eq!(always(&ALL), Ok((Strategy::Patch, Requests::Splice)));
        let refused = always(&Splicing { splice: Err(Errno::EPERM), ..ALL }).unwrap_err();
        assert!(
            refused.to_string().contains("splice(2) does not work here: Operation not permitted")
        );
        let small = always(&Splicing { slots: 2, ..ALL }).unwrap_err();
        assert!(small.to_string().contains("gets 2 slots, and the largest answers take 34"));
        let nothing = Splicing { splice: Err(Errno::EPERM), ..ALL };
        for here in [ALL, nothing] {
            let copy = planned(Splice::Always, Some(Strategy::Copy), &here);
            let contradiction = Err(CannotSplice::Contradiction(Strategy::Copy));
            assert_eq!(copy, contradiction, "on no machine can it be, with {here:?}");
            assert!(copy.unwrap_err().to_string().contains("leave one out"));
        }
    }

    #[test]
    fn a_strategy_that_cannot_work_is_not_replaced_in_silence() {
        for vmsplice in [Vmsplice::Copies, Vmsplice::Refused(Errno::EPERM)] {
            let here = Splicing { vmsplice, ..ALL };
            let patch = planned(Splice::Auto, Some(Strategy::Patch), &here);
            assert_eq!(patch, Err(CannotSplice::NoReference(vmsplice)), "patch was asked for");
            let patch = patch.unwrap_err();
            assert!(patch.to_string().contains("needs vmsplice(2) by reference"), "{patch}");
            assert!(planned(Splice::Auto, Some(Strategy::Optimistic), &here).is_ok());
        }
        let nothing = Splicing { splice: Err(Errno::ENOSYS), ..ALL };
        assert!(planned(Splice::Auto, Some(Strategy::Optimistic), &nothing).is_err());
        assert!(planned(Splice::Auto, Some(Strategy::Copy), &nothing).is_ok());
    }
}
