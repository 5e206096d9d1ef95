//! `cargo xtask bench`: what splicing gains on this machine, as ratios within one run.

mod clock;
mod libfuse;
mod many;
mod ways;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use kernel_tests::{Server, is_mounted};
use nix::unistd::geteuid;
use xshell::{Shell, cmd};

use crate::bench::clock::{busy, medians, one_by_one, read_all};
use crate::bench::ways::{COPY, Way};
use crate::{Outcome, steps};

/// Measure the mirror by copy and by splice, with one worker and with four (root; a gigabyte of memory).
///
/// All mounts are made in a mount namespace of their own, and gone with it.
#[derive(clap::Args)]
pub struct Arguments {
    /// How large a file is read, in MiB.
    #[arg(long, default_value_t = 512)]
    size: usize,
    /// How often each way is measured; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measure libfuse's example passthrough_ll too: as it is, and with splicing switched on.
    #[arg(long)]
    libfuse: bool,
    /// Be a client: ask for the attributes of this file, again and again.
    #[arg(long, hide = true, value_name = "FILE")]
    stat: Option<PathBuf>,
    /// We are in the namespace already.
    #[arg(long, hide = true)]
    inside: bool,
}

pub fn bench(arguments: Arguments) -> anyhow::Result<Outcome> {
    if let Some(file) = arguments.stat {
        return many::stat_again_and_again(&file).map(|()| Outcome::Good);
    }
    ensure!(geteuid().is_root(), "bench mounts, which is for root: sudo …");
    ensure!(arguments.rounds > 0 && arguments.size > 0, "nothing is to be measured");
    let sh = Shell::new()?;
    if arguments.inside {
        return measure(&sh, &arguments);
    }
    let programs = build(&sh)?;
    if arguments.libfuse {
        println!("libfuse {}, passthrough_ll", libfuse::build(&sh)?);
    }
    let (size, rounds) = (arguments.size.to_string(), arguments.rounds.to_string());
    let mut again = Command::new("unshare");
    again.args(["--mount", "--propagation", "private"]).arg(env::current_exe()?);
    again.args(["bench", "--inside", "--size", &size, "--rounds", &rounds]);
    again.args(arguments.libfuse.then_some("--libfuse")).env("BENCH_PROGRAMS", programs);
    let status =
        again.status().context("cannot start unshare. Install it: apt-get install util-linux")?;
    Ok(if status.success() { Outcome::Good } else { Outcome::Bad })
}

/// Builds them; returns where they are.
fn build(sh: &Shell) -> anyhow::Result<PathBuf> {
    let manifest = steps::workspace_root().join("Cargo.toml");
    let packages = ["--package", MIRROR, "--package", "fuse714-cli"];
    eprintln!("building the servers, optimised …");
    cmd!(sh, "cargo build --quiet --release --manifest-path {manifest} {packages...}").run()?;
    Ok(target().join("release"))
}

/// The mirror with one thread.
const MIRROR: &str = "step12-splice-request";

/// Where cargo puts what it builds.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or(steps::workspace_root().join("target"), PathBuf::from)
}

/// Makes the file, and reads it in every way.
fn measure(sh: &Shell, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let programs = env::var_os("BENCH_PROGRAMS").context("no programs to measure")?;
    let programs = PathBuf::from(programs);
    let place = tempfile::tempdir()?;
    let (source, dir) = (place.path().join("source"), place.path().join("mnt"));
    for path in [&source, &dir] {
        fs::create_dir(path)?;
    }
    cmd!(sh, "mount -t tmpfs bench {source}").quiet().run().context("cannot mount a tmpfs")?;
    let content: Vec<u8> = (0..arguments.size << 20).map(|n| (n >> 12) as u8).collect();
    fs::write(source.join("file"), content).context("cannot make the file to read")?;
    let mounted = source.clone();
    let bench = Bench { program: programs.join(MIRROR), source, dir, rounds: arguments.rounds };
    let mut ways = ways::ours(&bench.program);
    if arguments.libfuse {
        ways.extend(ways::libfuses(&bench.source));
    }
    let many =
        || many::stats(&programs.join("fuse714"), &bench.source, &bench.dir, arguments.rounds);
    let measured = bench
        .sequential(&ways, arguments.size)
        .and_then(|()| bench.by_size())
        .and_then(|()| many());
    cmd!(sh, "umount -l {mounted}").quiet().run()?;
    measured.map(|()| Outcome::Good)
}

struct Bench {
    /// The mirror of step 12.
    program: PathBuf,
    source: PathBuf,
    dir: PathBuf,
    rounds: usize,
}

impl Bench {
    /// Mounts, lets `client` read, unmounts: so the client's cache is cold each time. Returns what the
    /// client measured, and how long the server kept a processor busy.
    fn served(
        &self,
        way: &Way,
        client: impl FnOnce(&Path) -> anyhow::Result<Duration>,
    ) -> anyhow::Result<(Duration, Duration)> {
        let before = busy()?;
        let mut command = way.command(&self.source, &self.dir);
        command.stdout(Stdio::null());
        let server = Server::start(command, &self.dir)?;
        let time = client(&self.dir.join("file"))?;
        // libfuse's ends with 1, as after a failure: it has got a signal.
        server.interrupt()?;
        ensure!(!is_mounted(&self.dir)?, "{} has not unmounted", way.name);
        Ok((time, busy()? - before))
    }

    /// The whole file, in pieces of 128 KiB, through the page cache.
    fn sequential(&self, ways: &[Way], size: usize) -> anyhow::Result<()> {
        let mut buffer = vec![0; 128 << 10];
        let mut times = vec![Vec::new(); ways.len()];
        // Round by round and not way by way: what else this machine does then hits all alike.
        for round in 1..=self.rounds {
            eprintln!("reading {size} MiB in each way: round {round} of {} …", self.rounds);
            for (way, times) in ways.iter().zip(&mut times) {
                // What --move took out of its cache comes back before the next one is measured.
                read_all(&self.source.join("file"), &mut buffer)?;
                times.push(self.served(way, |file| read_all(file, &mut buffer))?);
            }
        }
        println!("{size} MiB read in pieces of 128 KiB, from a tmpfs, median of {}:", self.rounds);
        let medians: Vec<_> = times.iter().map(|times| medians(times)).collect();
        for (way, (time, busy)) in ways.iter().zip(&medians) {
            print!("  {:<20} {:>5.0} MiB/s", way.name, size as f64 / time);
            for (other, (other_time, _)) in
                ways.iter().zip(&medians).filter(|(way, _)| way.is_a_measure)
            {
                print!(", {:.2} × {}", other_time / time, other.name);
            }
            let (_, copy_busy) = medians[COPY];
            let (busy, ratio) = (busy * 1e3, busy / copy_busy);
            println!("; the server is busy for {busy:>3.0} ms, {ratio:.2} × copy");
        }
        Ok(())
    }

    /// One READ at a time, of each size, past the client's cache: where does splicing begin to pay?
    fn by_size(&self) -> anyhow::Result<()> {
        println!("one READ at a time, past the client's cache, median of {}:", self.rounds);
        let ways = ["copy", "patch"].map(|name| ways::without_threshold(&self.program, name));
        for size in ways::SIZES {
            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..self.rounds {
                for (way, times) in ways.iter().zip(&mut times) {
                    times.push(self.served(way, |file| one_by_one(file, size << 10))?);
                }
            }
            let [copy, patch] = times.each_ref().map(|times| medians(times).0 * 1e6);
            println!(
                "  {size:>3} KiB   copy {copy:>5.1} µs   patch {patch:>5.1} µs   {:.2} × copy",
                copy / patch
            );
        }
        Ok(())
    }
}
