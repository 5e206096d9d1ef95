//! Files, block devices, sockets and pipes, shown as files: each READ goes by splice.

mod shelf;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use step02_wire::TraceStyle;
use step03_handshake::Wishes;
use step05_server::{Files, ReadPath, ReplyPath, Session};
use step11_splice_reply::{Options, SplicePath, Strategy};

use crate::shelf::Shelf;

/// Step 11: answers by splice. Shows each SOURCE as a file in MOUNTPOINT, to be read; Ctrl-C unmounts.
#[derive(Parser)]
struct Arguments {
    /// Files, block devices, Unix sockets to connect to, named pipes.
    #[arg(required = true)]
    sources: Vec<PathBuf>,
    /// An empty directory to mount on.
    mountpoint: PathBuf,
    /// How headers get their length: patch, optimistic or copy (no splice at all). Without: what works.
    #[arg(long)]
    strategy: Option<Strategy>,
    /// Answers from files with fewer bytes than this are copied.
    #[arg(long, value_name = "BYTES", default_value_t = Options::THRESHOLD)]
    threshold: usize,
    /// Print the conversation on stderr; STYLE is raw, stable (requests numbered from 1) or bytes.
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, default_missing_value = "raw")]
    trace: Option<TraceStyle>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let shelf = Files(Shelf::of(&arguments.sources)?);
    let strategy = arguments.strategy.unwrap_or_else(Strategy::best);
    let options = Options { strategy, threshold: arguments.threshold, move_pages: false };
    let mountpoint = &arguments.mountpoint;
    let session = Session::mount(mountpoint, "step11-splice-reply", &[], arguments.trace)?;
    println!("Mounted, strategy {strategy}. Look inside: ls -l {}", session.path().display());

    let device = Arc::clone(session.device());
    let splice = Arc::new(SplicePath::new(Arc::clone(&device), options));
    let outward: Arc<dyn ReplyPath> = Arc::clone(&splice) as _;
    session.serve_along(&mut ReadPath::new(device), &outward, &Wishes::default(), &shelf)?;

    println!("Unmounted. Answers: {}.", splice.counts());
    Ok(())
}
