//! A directory in memory: mounts an empty one, and forgets it all at the end.

use std::path::PathBuf;

use clap::Parser;
use step02_wire::TraceStyle;
use step02_wire::abi::InitFlags;
use step03_handshake::Wishes;
use step05_server::{Files, Session};
use step06_memfs::{Memfs, parse_size};

/// Step 06: a file system in memory. Write what you like; Ctrl-C unmounts, and all of it is gone.
#[derive(Parser)]
struct Arguments {
    /// An empty directory to mount on.
    mountpoint: PathBuf,
    /// How much may be in it: bytes, or with K, M or G behind the number.
    #[arg(long, default_value = "1G", value_parser = parse_size)]
    size: u64,
    /// Let other users in, too: each may do what owners and modes allow.
    #[arg(long)]
    allow_other: bool,
    /// Print the conversation on stderr; STYLE is raw, stable (requests numbered from 1) or bytes.
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, default_missing_value = "raw")]
    trace: Option<TraceStyle>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut options = vec!["default_permissions"];
    if arguments.allow_other {
        options.push("allow_other");
    }
    let mountpoint = &arguments.mountpoint;
    let session = Session::mount(mountpoint, "step06-memfs", &options, arguments.trace)?;
    let path = session.path().display();
    println!("Mounted. Look inside from another terminal: cp -r /etc {path}; ls {path}; df {path}");

    let memfs = Files(Memfs::new(arguments.size));
    // ANCHOR: wishes
    let mut wishes = Wishes::default();
    wishes.flags |= InitFlags::ATOMIC_O_TRUNC;
    // ANCHOR_END: wishes
    session.serve(&wishes, &memfs)?;

    let left = memfs.0.counters();
    println!("Unmounted. All is gone: nodes {}, blocks {}.", left.nodes, left.blocks);
    Ok(())
}
