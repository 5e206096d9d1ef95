//! `cargo xtask bench`: what splicing gains on this machine, as ratios within one run.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kernel_tests::Server;
use nix::libc;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use nix::unistd::geteuid;
use xshell::{Shell, cmd};

use crate::{Outcome, steps};

/// Measure the mirror of step 12 by copy and by splice (root; needs a gigabyte of memory).
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
    /// We are in the namespace already.
    #[arg(long, hide = true)]
    inside: bool,
}

/// A way to serve: what it is called, and what makes the server take it.
const WAYS: [(&str, &[&str]); 5] = [
    ("copy", &["--strategy", "copy", "--requests", "read"]),
    ("optimistic", &["--strategy", "optimistic", "--requests", "read"]),
    ("patch", &["--strategy", "patch", "--requests", "read"]),
    ("patch, requests too", &["--strategy", "patch", "--requests", "splice"]),
    ("patch, --move", &["--strategy", "patch", "--requests", "read", "--move"]),
];

/// Sizes of one READ, in KiB.
const SIZES: [usize; 6] = [4, 8, 16, 32, 64, 128];

pub fn bench(arguments: Arguments) -> anyhow::Result<Outcome> {
    ensure!(geteuid().is_root(), "bench mounts, which is for root: sudo …");
    ensure!(arguments.rounds > 0 && arguments.size > 0, "nothing is to be measured");
    let sh = Shell::new()?;
    if !arguments.inside {
        let program = build(&sh)?;
        let (me, size, rounds) =
            (env::current_exe()?, arguments.size.to_string(), arguments.rounds.to_string());
        let status = Command::new("unshare")
            .args(["--mount", "--propagation", "private"])
            .arg(me)
            .args(["bench", "--inside", "--size", &size, "--rounds", &rounds])
            .env("BENCH_PROGRAM", program)
            .status()
            .context("cannot start unshare. Install it: apt-get install util-linux")?;
        return Ok(if status.success() { Outcome::Good } else { Outcome::Bad });
    }
    let program = PathBuf::from(env::var_os("BENCH_PROGRAM").context("no program to measure")?);
    let place = tempfile::tempdir()?;
    let (source, dir) = (place.path().join("source"), place.path().join("mnt"));
    for path in [&source, &dir] {
        fs::create_dir(path)?;
    }
    cmd!(sh, "mount -t tmpfs bench {source}").quiet().run().context("cannot mount a tmpfs")?;
    let content: Vec<u8> = (0..arguments.size << 20).map(|n| (n >> 12) as u8).collect();
    fs::write(source.join("file"), content).context("cannot make the file to read")?;
    let mounted = source.clone();
    let bench = Bench { program, source, dir, rounds: arguments.rounds };
    let measured = bench.sequential(arguments.size).and_then(|()| bench.by_size());
    cmd!(sh, "umount -l {mounted}").quiet().run()?;
    measured.map(|()| Outcome::Good)
}

fn build(sh: &Shell) -> anyhow::Result<PathBuf> {
    let root = steps::workspace_root();
    let manifest = root.join("Cargo.toml");
    let package = "step12-splice-request";
    eprintln!("building the mirror of step 12, optimised …");
    cmd!(sh, "cargo build --quiet --release --manifest-path {manifest} --package {package}")
        .run()?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    Ok(target.join("release").join(package))
}

struct Bench {
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
        options: &[&str],
        client: impl FnOnce(&Path) -> anyhow::Result<Duration>,
    ) -> anyhow::Result<(Duration, Duration)> {
        let before = busy()?;
        let mut command = Command::new(&self.program);
        command.args(options).arg(&self.source).arg(&self.dir).stdout(Stdio::null());
        let server = Server::start(command, &self.dir)?;
        let time = client(&self.dir.join("file"))?;
        server.interrupt()?;
        Ok((time, busy()? - before))
    }

    /// The whole file, in pieces of 128 KiB, through the page cache.
    fn sequential(&self, size: usize) -> anyhow::Result<()> {
        let mut buffer = vec![0; 128 << 10];
        let mut times = vec![Vec::new(); WAYS.len()];
        // Round by round and not way by way: what else this machine does then hits all alike.
        for round in 1..=self.rounds {
            eprintln!("reading {size} MiB in each way: round {round} of {} …", self.rounds);
            for ((_, options), times) in WAYS.iter().zip(&mut times) {
                // What --move took out of its cache comes back before the next one is measured.
                read_all(&self.source.join("file"), &mut buffer)?;
                times.push(self.served(options, |file| read_all(file, &mut buffer))?);
            }
        }
        println!("{size} MiB read in pieces of 128 KiB, from a tmpfs, median of {}:", self.rounds);
        let (copy, copy_busy) = medians(&times[0]);
        for ((name, _), times) in WAYS.iter().zip(&times) {
            let (time, busy) = medians(times);
            println!(
                "  {name:<20} {:>5.0} MiB/s, {:.2} × copy; the server is busy for {:>3.0} ms, {:.2} × copy",
                size as f64 / time,
                copy / time,
                busy * 1e3,
                busy / copy_busy
            );
        }
        Ok(())
    }

    /// One READ at a time, of each size, past the client's cache: where does splicing begin to pay?
    fn by_size(&self) -> anyhow::Result<()> {
        println!("one READ at a time, past the client's cache, median of {}:", self.rounds);
        for size in SIZES {
            let mut times = [Vec::new(), Vec::new()];
            for _ in 0..self.rounds {
                for (way, times) in ["copy", "patch"].iter().zip(&mut times) {
                    let options = ["--strategy", way, "--requests", "read", "--threshold", "1"];
                    times.push(self.served(&options, |file| one_by_one(file, size << 10))?);
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

fn read_all(file: &Path, buffer: &mut [u8]) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut file = File::open(file)?;
    while file.read(buffer)? > 0 {}
    Ok(start.elapsed())
}

/// The time of one READ.
fn one_by_one(file: &Path, size: usize) -> anyhow::Result<Duration> {
    const READS: usize = 1000;
    let file = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(file)?;
    let end = file.metadata()?.len() as usize / size;
    // O_DIRECT wants memory that begins with a page.
    let mut memory = vec![0; size + 4096];
    let skip = memory.as_ptr().align_offset(4096);
    let start = Instant::now();
    for n in 0..READS {
        file.read_exact_at(&mut memory[skip..skip + size], (n % end * size) as u64)?;
    }
    Ok(start.elapsed() / READS as u32)
}

/// Of the time that a client took, and of that for which the server was busy. In seconds.
fn medians(times: &[(Duration, Duration)]) -> (f64, f64) {
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let (taken, busy) = times.iter().copied().unzip();
    (median(taken), median(busy))
}

/// The processor time of all servers that have ended.
fn busy() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |time: TimeVal| Duration::from_micros(time.num_microseconds() as u64);
    Ok(time(usage.user_time()) + time(usage.system_time()))
}
