//! Many clients at once: what do more workers gain?

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kernel_tests::Server;

/// So many processes ask for the attributes of one file, so often each.
const PROCESSES: usize = 8;
const STATS: usize = 5_000;

/// The client: what each of the processes does.
pub fn stat_again_and_again(file: &Path) -> anyhow::Result<()> {
    for _ in 0..STATS {
        fs::metadata(file).with_context(|| format!("cannot stat {}", file.display()))?;
    }
    Ok(())
}

/// stat(2) of a mirrored file that the kernel may not cache, with one worker and with four.
pub fn stats(program: &Path, source: &Path, dir: &Path, rounds: usize) -> anyhow::Result<()> {
    let mut times = [Vec::new(), Vec::new()];
    for round in 1..=rounds {
        eprintln!("stat from {PROCESSES} processes: round {round} of {rounds} …");
        for (workers, times) in ["1", "4"].iter().zip(&mut times) {
            let mut command = Command::new(program);
            command.args(["mirror", "-f", "--valid", "0", "--workers", workers]);
            command.arg(source).arg(dir).stdout(Stdio::null());
            let server = Server::start(command, dir)?;
            let start = Instant::now();
            let clients = (0..PROCESSES).map(|_| client(&dir.join("file")));
            for mut client in clients.collect::<anyhow::Result<Vec<_>>>()? {
                ensure!(client.wait()?.success(), "a client failed");
            }
            times.push(start.elapsed());
            server.interrupt()?;
        }
    }
    let [one, four] = times.map(|mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    });
    let per_second = |seconds: f64| (PROCESSES * STATS) as f64 / seconds;
    println!("stat(2) from {PROCESSES} processes, nothing cached, median of {rounds}:");
    println!(
        "  1 worker {:.0}/s, 4 workers {:.0}/s: {:.2} × one",
        per_second(one),
        per_second(four),
        one / four
    );
    Ok(())
}

fn client(file: &Path) -> anyhow::Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["bench", "--stat"]).arg(file);
    command.spawn().context("cannot start a client")
}
