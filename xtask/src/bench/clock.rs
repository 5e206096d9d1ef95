//! The client's side: it reads, and looks at the clock.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

/// The time of the whole file.
pub fn read_all(file: &Path, buffer: &mut [u8]) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut file = File::open(file)?;
    while file.read(buffer)? > 0 {}
    Ok(start.elapsed())
}

/// The time of one READ.
pub fn one_by_one(file: &Path, size: usize) -> anyhow::Result<Duration> {
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
pub fn medians(times: &[(Duration, Duration)]) -> (f64, f64) {
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    };
    let (taken, busy) = times.iter().copied().unzip();
    (median(taken), median(busy))
}

/// The processor time of all servers that have ended.
pub fn busy() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = |time: TimeVal| Duration::from_micros(time.num_microseconds() as u64);
    Ok(time(usage.user_time()) + time(usage.system_time()))
}
