//! `cargo xtask book`: the book, from chapters, code and recorded outputs to pages.
//!
//! mdBook is built from its own sources and lock file, below `target/`, once: 75 seconds on two cores.
//! Its library in a crate of our own would take 60, and leave us the server and the watcher to write.

mod about;
mod chapter;
mod code;
mod conversation;
mod exercises;
mod explorer;
mod fault;
mod fence;
mod flows;
mod glossary;
mod html;
mod kernel;
mod ladder;
mod lifetime;
mod links;
mod message;
mod messages;
mod output;
pub mod preprocess;
mod prose;
mod recording;
pub mod replay;
mod request;
mod shell;
mod simulator;
mod slots;
mod staircase;
mod structs;
pub mod test;
mod time;

use std::path::{Path, PathBuf};

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::{Outcome, steps};

/// The mdBook that builds the book.
const VERSION: &str = "0.5.4";

/// Build the book, into target/book/html.
#[derive(clap::Args)]
pub struct Arguments {
    /// Open it in a browser.
    #[arg(long)]
    open: bool,
    /// Serve it on localhost, and build it again at each change.
    #[arg(long)]
    serve: bool,
}

pub fn book(Arguments { open, serve }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    sh.change_dir(steps::workspace_root());
    if serve {
        return mdbook(&sh, &["serve", "book"], open.then_some("--open"));
    }
    let outcome = build(&sh)?;
    if outcome == Outcome::Good {
        let page = steps::workspace_root().join("target/book/html/index.html");
        println!("{}", page.display());
        if open {
            open_in_browser(&sh, &page);
        }
    }
    Ok(outcome)
}

/// Builds the book. Run in the workspace's root.
fn build(sh: &Shell) -> anyhow::Result<Outcome> {
    mdbook(sh, &["build", "book"], None)
}

/// Runs mdBook. It tells what is wrong with the book, and that is a verdict.
fn mdbook(sh: &Shell, arguments: &[&str], open: Option<&str>) -> anyhow::Result<Outcome> {
    let mdbook = program(sh)?;
    match cmd!(sh, "{mdbook} {arguments...} {open...}").quiet().run() {
        Ok(()) => Ok(Outcome::Good),
        Err(error) => {
            eprintln!("the book is not built: {error}");
            Ok(Outcome::Bad)
        }
    }
}

/// The program mdbook: built before, or built now.
fn program(sh: &Shell) -> anyhow::Result<PathBuf> {
    let dir = steps::workspace_root().join("target/mdbook");
    let program = dir.join("bin/mdbook");
    if program.exists() {
        let version = cmd!(sh, "{program} --version").quiet().read().unwrap_or_default();
        if version.trim() == format!("mdbook v{VERSION}") {
            return Ok(program);
        }
    }
    eprintln!("building mdBook {VERSION} into {}, once: a minute or two", dir.display());
    // In a directory of its own, and quick to build: it need not be quick to run.
    let _target = sh.push_env("CARGO_TARGET_DIR", dir.join("build"));
    let _debug = sh.push_env("CARGO_PROFILE_DEV_DEBUG", "0");
    cmd!(
        sh,
        "cargo install mdbook --version ={VERSION} --locked --debug --force
            --no-default-features --features serve,watch,search --root {dir}"
    )
    .run()
    .context("cannot build mdBook. Is the network there? Then try again: cargo xtask book")?;
    sh.remove_path(dir.join("build"))?;
    Ok(program)
}

/// Hands a page to whatever opens pages here. It is no fault when nothing does: its path was printed.
fn open_in_browser(sh: &Shell, page: &Path) {
    let opened = ["xdg-open", "open", "wslview"]
        .iter()
        .any(|program| cmd!(sh, "{program} {page}").quiet().ignore_stderr().run().is_ok());
    if !opened {
        eprintln!("nothing here opens a page (xdg-open): give a browser the path above");
    }
}
