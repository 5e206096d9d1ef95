//! The news: a file that changes by itself, and a name that comes and goes.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Parser;
use step02_wire::TraceStyle;
use step03_handshake::Wishes;
use step05_server::{Files, Session};
use step09_notify::{News, Notifier, Queue};

/// Step 09: the news, a file that changes by itself and wakes poll(2). Ctrl-C unmounts.
#[derive(Parser)]
struct Arguments {
    /// An empty directory to mount on.
    mountpoint: PathBuf,
    /// Change every so often, in seconds; 0: only when ioctl(2) asks for it.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    every: Duration,
    /// Change, but do not tell the kernel: to see what clients see then.
    #[arg(long)]
    silent: bool,
    /// Print the conversation on stderr; STYLE is raw, stable (requests numbered from 1) or bytes.
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, default_missing_value = "raw")]
    trace: Option<TraceStyle>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let session = Session::mount(&arguments.mountpoint, "step09-notify", &[], arguments.trace)?;
    let path = session.path().display();
    println!("Mounted. Look inside from another terminal: cat {path}/news; ls {path}");

    // ANCHOR: main
    let (queue, courier) = Queue::start(Notifier::new(Arc::clone(session.device())))?;
    let news = Files(News::new((!arguments.silent).then_some(queue), arguments.every));
    let served = thread::scope(|scope| {
        scope.spawn(|| news.0.change_by_itself());
        let served = session.serve(&Wishes::default(), &news);
        news.0.end();
        served
    });
    // Only now: as long as the session lives, a notification under way may wait for its answers.
    drop(courier);
    // ANCHOR_END: main
    served?;
    println!("Unmounted. There were {} changes.", news.0.changes());
    Ok(())
}

/// `2` or `0.5`
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "give a number of seconds, like 2 or 0.5".to_owned())
}
