//! A directory, mirrored somewhere else.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use step02_wire::TraceStyle;
use step03_handshake::Wishes;
use step05_server::{Files, Session};
use step07_mirror::{Mirror, mount_options, raise_descriptor_limit};

/// Step 07: a mirror. What is done in MOUNTPOINT is done in SOURCE; Ctrl-C unmounts.
#[derive(Parser)]
struct Arguments {
    /// The directory to stand in for.
    source: PathBuf,
    /// An empty directory to mount on, not inside SOURCE.
    mountpoint: PathBuf,
    /// Let other users in, too: each may do what owners and modes allow.
    #[arg(long)]
    allow_other: bool,
    /// Let the kernel check nothing: whoever mounts may do what this server may.
    #[arg(long)]
    no_default_permissions: bool,
    /// How long the kernel may trust what it was told, before it asks again.
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    valid: u32,
    /// Print the conversation on stderr; STYLE is raw, stable (requests numbered from 1) or bytes.
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, default_missing_value = "raw")]
    trace: Option<TraceStyle>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let (source, mountpoint) = (&arguments.source, &arguments.mountpoint);
    let options = mount_options(arguments.allow_other, !arguments.no_default_permissions)?;
    let descriptors = raise_descriptor_limit()?;
    let valid = Duration::from_secs(arguments.valid.into());
    let mirror = Files(Mirror::open(source, mountpoint, valid)?);
    let session = Session::mount(mountpoint, "step07-mirror", &options, arguments.trace)?;
    let path = session.path().display();
    println!(
        "Mounted. Look inside from another terminal: ls {path}; diff -r {} {path}",
        source.display()
    );
    println!(
        "Each node that the kernel knows and each open file takes a descriptor, of {descriptors}."
    );

    session.serve(&Wishes::default(), &mirror)?;

    // An unmount forgets without a word: nodes may still be known.
    let left = mirror.0.counters();
    println!("Unmounted. Let go: nodes {}, handles {}.", left.nodes, left.handles);
    Ok(())
}
