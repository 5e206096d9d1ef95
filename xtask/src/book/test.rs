//! `cargo xtask book-test`: is every page well in a real browser?
//!
//! Debian's chromium, driven by playwright-core, with axe-core for what a screen reader needs. The
//! tests are in tests/browser, for node's own test runner; here is what they need, and their verdict.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use anyhow::{Context, bail, ensure};
use xshell::{Shell, cmd};

use crate::package::provide;
use crate::{Outcome, book, interrupt, steps};

/// The oldest node whose test runner takes a reporter of ours.
const NODE: (u32, u32) = (18, 15);

/// Build the book and test it in a real browser.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which tests: a part of a name, as in `pages/04-hello`. None: all.
    filter: Option<String>,
    /// Where to put a picture of every page, by day and by night, at three widths.
    #[arg(long, value_name = "DIR", conflicts_with = "no_shots")]
    shots: Option<PathBuf>,
    /// No pictures, which saves a third of the time.
    #[arg(long)]
    no_shots: bool,
}

pub fn book_test(Arguments { filter, shots, no_shots }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    let root = steps::workspace_root();
    sh.change_dir(&root);
    if book::build(&sh)? == Outcome::Bad {
        return Ok(Outcome::Bad);
    }
    let chromium = provide(&sh, "chromium", "chromium")?;
    let node = node(&sh)?;
    let modules = modules(&sh, &root)?;
    let shots = match (no_shots, shots) {
        (true, _) => None,
        (false, Some(dir)) => Some(dir),
        (false, None) => {
            let dir = root.join("target/book/shots");
            // No picture of a page that is not there any more.
            if filter.is_none() {
                sh.remove_path(&dir)?;
            }
            Some(dir)
        }
    };

    ensure!(!interrupt::requested(), "interrupted before the tests began");
    let rig = root.join("tests/browser/rig");
    // Chromium keeps its profile here. Nobody else deletes that of one that was killed.
    let scratch = tempfile::tempdir().context("cannot make a directory for the browser")?;
    let mut tests = Command::new(node);
    tests.arg("--test-reporter").arg(rig.join("report.mjs")).arg(rig.join("run.mjs"));
    tests.arg("--html").arg(root.join("target/book/html"));
    tests.arg("--modules").arg(modules).arg("--chromium").arg(chromium);
    tests.env("TMPDIR", scratch.path());
    if let Some(filter) = filter {
        tests.arg("--filter").arg(filter);
    }
    if let Some(shots) = &shots {
        tests.arg("--shots").arg(shots);
    }
    let outcome = verdict(tests.spawn().context("cannot start node")?)?;
    if let Some(shots) = shots.filter(|shots| shots.exists()) {
        println!("pictures: {}", shots.display());
    }
    Ok(outcome)
}

/// What the tests say. When we are asked to stop, node is killed, and chromium ends when the pipe
/// between the two breaks.
fn verdict(mut tests: Child) -> anyhow::Result<Outcome> {
    interrupt::watch(tests.id());
    let status = tests.wait();
    interrupt::forget(tests.id());
    match status.context("cannot wait for node")?.code() {
        Some(0) => Ok(Outcome::Good),
        Some(1) => Ok(Outcome::Bad),
        _ => bail!("the browser tests have no verdict; what is above says why"),
    }
}

/// The program node; installed first where it is missing, we are root and apt is here.
fn node(sh: &Shell) -> anyhow::Result<PathBuf> {
    let node = provide(sh, "node", "nodejs")?;
    let text = cmd!(sh, "{node} --version").quiet().read()?;
    let version = version(&text).with_context(|| format!("node --version says {text:?}"))?;
    let (major, minor) = NODE;
    ensure!(
        version >= NODE,
        "{} is {}, and the browser tests need {major}.{minor} or newer",
        node.display(),
        text.trim()
    );
    Ok(node)
}

/// `v18.20.4` is 18 and 20.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// The directory below which node finds what tests/browser/package-lock.json names.
fn modules(sh: &Shell, root: &Path) -> anyhow::Result<PathBuf> {
    const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];
    let from = root.join("tests/browser");
    let to = root.join("target/browser");
    // Written last: what is here was installed whole.
    let installed = to.join("installed");
    let wanted = fs::read_to_string(from.join("package-lock.json"))
        .context("cannot read tests/browser/package-lock.json")?;
    if fs::read_to_string(&installed).is_ok_and(|lock| lock == wanted) {
        return Ok(to);
    }
    let npm = provide(sh, "npm", "npm")?;
    eprintln!("installing playwright-core and axe-core into {}, once", to.display());
    sh.create_dir(&to)?;
    for file in FILES {
        sh.copy_file(from.join(file), to.join(file))?;
    }
    let _dir = sh.push_dir(&to);
    // What is installed runs nothing of its own while it is, and fetches no browser.
    cmd!(sh, "{npm} ci --ignore-scripts --no-audit --no-fund --loglevel=error")
        .run()
        .context("cannot install them. Is the network there? Then try again")?;
    fs::write(&installed, wanted)
        .with_context(|| format!("cannot write {}", installed.display()))?;
    Ok(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_as_numbers() {
        assert_eq!(version("v18.20.4\n"), Some((18, 20)));
        assert!(version("v18.9.0").unwrap() < NODE);
        assert!(version("v20.2.0").unwrap() > NODE);
        assert_eq!(version("node: no such file"), None);
    }

    #[test]
    fn only_a_test_that_failed_is_a_verdict_against_the_book() {
        let ends = |code: &str| verdict(Command::new("sh").args(["-c", code]).spawn().unwrap());
        assert_eq!(ends("exit 0").unwrap(), Outcome::Good);
        assert_eq!(ends("exit 1").unwrap(), Outcome::Bad);
        assert!(ends("exit 2").is_err());
        assert!(ends("kill -9 $$").is_err());
    }
}
