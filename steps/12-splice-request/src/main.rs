//! The mirror of step 07, spliced in both directions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use step02_wire::TraceStyle;
use step03_handshake::Wishes;
use step05_server::{Files, ReadPath, ReplyPath, RequestPath, Session};
use step07_mirror::{Mirror, mount_options, raise_descriptor_limit};
use step11_splice_reply::{Options, SplicePath, Strategy};
use step12_splice_request::SpliceRequests;

/// Step 12: the mirror, by splice. What is done in MOUNTPOINT is done in SOURCE; Ctrl-C unmounts.
#[derive(Parser)]
struct Arguments {
    /// The directory to stand in for.
    source: PathBuf,
    /// An empty directory to mount on, not inside SOURCE.
    mountpoint: PathBuf,
    /// Let other users in, too: each may do what owners and modes allow.
    #[arg(long)]
    allow_other: bool,
    /// How long the kernel may trust what it was told, before it asks again.
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    valid: u32,
    /// How requests come in.
    #[arg(long, value_enum, default_value_t = Inward::Splice)]
    requests: Inward,
    /// How replies get their length: patch, optimistic or copy (no splice at all). Without: what works.
    #[arg(long)]
    strategy: Option<Strategy>,
    /// Answers from files with fewer bytes than this are copied.
    #[arg(long, value_name = "BYTES", default_value_t = Options::THRESHOLD)]
    threshold: usize,
    /// Let the kernel move pages out of the source's cache: read chapter 12 before.
    #[arg(long = "move")]
    move_pages: bool,
    /// Print the conversation on stderr; STYLE is raw, stable (requests numbered from 1) or bytes.
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, default_missing_value = "raw")]
    trace: Option<TraceStyle>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Inward {
    Splice,
    Read,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (source, mountpoint) = (&arguments.source, &arguments.mountpoint);
    let options = mount_options(arguments.allow_other, true)?;
    raise_descriptor_limit()?;
    let valid = Duration::from_secs(arguments.valid.into());
    let mirror = Files(Mirror::open(source, mountpoint, valid)?);
    let session = Session::mount(mountpoint, "step12-splice-request", &options, arguments.trace)?;
    let strategy = arguments.strategy.unwrap_or_else(Strategy::best);
    let path = session.path().display();
    println!("Mounted, strategy {strategy}. Look inside: diff -r {} {path}", source.display());

    let device = Arc::clone(session.device());
    let options =
        Options { strategy, threshold: arguments.threshold, move_pages: arguments.move_pages };
    let splice = Arc::new(SplicePath::new(Arc::clone(&device), options));
    let outward: Arc<dyn ReplyPath> = Arc::clone(&splice) as _;
    let mut inward: Box<dyn RequestPath> = match arguments.requests {
        Inward::Splice => Box::new(SpliceRequests::new(device)),
        Inward::Read => Box::new(ReadPath::new(device)),
    };
    session.serve_along(&mut *inward, &outward, &Wishes::default(), &mirror)?;

    println!("Unmounted. Answers: {}.", splice.counts());
    Ok(())
}
