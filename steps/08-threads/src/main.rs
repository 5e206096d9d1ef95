//! Naps: many sleep, a signal wakes each, and locks wait.

mod naps;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use step02_wire::TraceStyle;
use step02_wire::abi::InitFlags;
use step03_handshake::Wishes;
use step05_server::{ReadPath, ReplyPath, Session, WritePath};
use step08_threads::{Interruptible, Interrupts, Locks, default_workers, serve_many};

use crate::naps::Naps;

/// Step 08: many at once. `cat MOUNTPOINT/5` takes five seconds, or until you press Ctrl-C there; files can be
/// locked. Ctrl-C here unmounts.
#[derive(Parser)]
struct Arguments {
    /// An empty directory to mount on.
    mountpoint: PathBuf,
    /// How many threads work on requests. Without: one for each processor, and two at least.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// How many background requests the kernel may have under way; 0 leaves it to the kernel.
    #[arg(long, value_name = "N", default_value_t = 64)]
    background: u16,
    /// Print the conversation on stderr; STYLE is raw, stable (requests numbered from 1) or bytes.
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, default_missing_value = "raw")]
    trace: Option<TraceStyle>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let session = Session::mount(&arguments.mountpoint, "step08-threads", &[], arguments.trace)?;
    let path = session.path().display();
    println!("Mounted. From another terminal: cat {path}/5; flock {path}/0 sleep 9; ls {path}");
    // ANCHOR: main
    let device = Arc::clone(session.device());
    let interrupts = Interrupts::new(Arc::new(WritePath::new(Arc::clone(&device))));
    let outward: Arc<dyn ReplyPath> = Arc::clone(&interrupts) as _;
    let naps = Naps::new(Arc::clone(&interrupts));
    let locks = Locks::new(Arc::clone(&interrupts), naps);
    let handler = Interruptible::new(Arc::clone(&interrupts), locks);

    let wishes = Wishes {
        flags: InitFlags::ASYNC_READ | InitFlags::BIG_WRITES | InitFlags::POSIX_LOCKS,
        max_background: arguments.background,
        // Three quarters, as the kernel has it by itself.
        congestion_threshold: arguments.background / 4 * 3,
        ..Wishes::default()
    };
    if session.agree(&wishes)?.is_some() {
        let mut inward = || Box::new(ReadPath::new(Arc::clone(&device))) as _;
        let workers = arguments.workers.unwrap_or_else(default_workers);
        serve_many(session, workers, &mut inward, &outward, &handler)?;
    }
    // ANCHOR_END: main
    println!("Unmounted.");
    Ok(())
}
