//! What can be said on the command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use fuse714::{MountBy, MountOptions, ServeOptions, Strategy, TraceStyle, parse_size};

/// A FUSE server for protocol 7.14, by hand.
#[derive(Parser)]
#[command(name = "fuse714", version)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Show a directory in another place. Its data are spliced in both directions.
    Mirror(Mirror),
    /// A directory in memory, empty at first, and forgotten at the end.
    Mem(Mem),
    /// Say what this kernel and this sandbox can do.
    Probe,
}

#[derive(Args)]
pub struct Mirror {
    /// The directory to stand in for.
    pub source: PathBuf,
    /// How long the kernel may trust what it was told, before it asks again.
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    pub valid: u32,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args)]
pub struct Mem {
    /// How much may be in it: bytes, or with K, M or G behind the number.
    #[arg(long, default_value = "1G", value_parser = parse_size)]
    pub size: u64,
    #[command(flatten)]
    pub common: Common,
}

/// What all file systems can be told.
#[derive(Args)]
pub struct Common {
    /// An empty directory to mount on.
    pub mountpoint: PathBuf,
    /// Stay in the foreground; Ctrl-C unmounts. Without: go into the background as soon as it is mounted.
    #[arg(short, long)]
    foreground: bool,
    /// Mount options, as for fuse(8): -o ro,noatime. Can be given several times.
    #[arg(short, value_name = "OPTIONS")]
    options: Vec<String>,
    /// Who mounts.
    #[arg(long, value_name = "WAY", default_value = "auto")]
    mount: MountBy,
    /// How many threads work on requests. Without: one for each processor, and two at least.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Whether to splice: where it works; always, or do not start; never.
    #[arg(long, value_enum, default_value_t = Splice::Auto)]
    splice: Splice,
    /// How replies get their length: patch, optimistic or copy. Without: the best that works.
    #[arg(long)]
    strategy: Option<Strategy>,
    /// Answers from files with fewer bytes than this are copied.
    #[arg(long, value_name = "BYTES", default_value_t = ServeOptions::default().threshold)]
    threshold: usize,
    /// Let the kernel move pages out of the source's cache: read chapter 12 before.
    #[arg(long = "move")]
    move_pages: bool,
    /// How requests come in.
    #[arg(long, value_enum, default_value_t = Requests::Splice)]
    requests: Requests,
    /// Who keeps the locks of fcntl(2) and flock(2).
    #[arg(long, value_enum, default_value_t = Locks::Kernel)]
    locks: Locks,
    /// How many background requests the kernel may have under way; 0 leaves it to the kernel.
    #[arg(long, value_name = "N", default_value_t = 0)]
    background: u16,
    /// Print the conversation on stderr, and stay in the foreground; STYLE is raw, stable
    /// (requests numbered from 1) or bytes.
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, default_missing_value = "raw")]
    trace: Option<TraceStyle>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Splice {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, ValueEnum)]
enum Requests {
    Splice,
    Read,
}

#[derive(Clone, Copy, ValueEnum)]
enum Locks {
    /// The kernel does.
    Kernel,
    /// This server does.
    Server,
}

impl Common {
    /// A trace wants a terminal.
    pub fn is_foreground(&self) -> bool {
        self.foreground || self.trace.is_some()
    }

    /// How to mount what is called `source`.
    pub fn mount_options(&self, source: &str) -> anyhow::Result<MountOptions> {
        let mut options = MountOptions {
            source: source.into(),
            subtype: Some("fuse714".into()),
            by: self.mount,
            ..MountOptions::default()
        };
        self.options.iter().try_for_each(|list| options.take(list))?;
        // Neither file system asks what its clients may do, so the kernel has to.
        options.default_permissions = true;
        Ok(options)
    }

    /// How to serve.
    pub fn serve_options(&self) -> ServeOptions {
        let mut options = ServeOptions {
            workers: self.workers,
            splice: match self.splice {
                Splice::Auto => fuse714::Splice::Auto,
                Splice::Always => fuse714::Splice::Always,
                Splice::Never => fuse714::Splice::Never,
            },
            strategy: self.strategy,
            threshold: self.threshold,
            move_pages: self.move_pages,
            requests: match self.requests {
                Requests::Splice => fuse714::Requests::Splice,
                Requests::Read => fuse714::Requests::Read,
            },
            locks: match self.locks {
                Locks::Kernel => fuse714::LockKeeper::Kernel,
                Locks::Server => fuse714::LockKeeper::Server,
            },
            trace: self.trace,
            ..ServeOptions::default()
        };
        options.wishes.max_background = self.background;
        // Three quarters, as the kernel has it by itself.
        options.wishes.congestion_threshold = self.background / 4 * 3;
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn common(line: &str) -> Common {
        match Arguments::try_parse_from(line.split(' ')).unwrap().command {
            Command::Mirror(mirror) => mirror.common,
            Command::Mem(mem) => mem.common,
            Command::Probe => panic!("{line}"),
        }
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn mount_options_add_up() {
        let common = common("fuse714 mirror /s /m -o ro,noatime -o rw,fsname=other");
        let options = common.mount_options("/s").unwrap();
        assert_eq!((options.source.as_str(), options.read_only), ("other", false));
        assert_eq!(options.subtype.as_deref(), Some("fuse714"));
        assert!(options.flags.contains(fuse714::MsFlags::MS_NOATIME));
    }

    #[test]
    fn a_trace_stays_in_the_foreground() {
        assert!(common("fuse714 mem /m --trace=stable").is_foreground());
        assert!(common("fuse714 mem -f /m").is_foreground());
        assert!(!common("fuse714 mem /m").is_foreground());
    }
}
