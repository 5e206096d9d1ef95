//! `cargo xtask book-replay`: does what the book tells the reader to type do what it says?

use std::fs::{self, OpenOptions};
use std::io::{Write, stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::unistd::Uid;
use xshell::{Shell, cmd};

use crate::book::fault::Fault;
use crate::book::fence::{Piece, Replay, pieces};
use crate::book::shell::{Bash, Ended, fuse_mounts};
use crate::{Outcome, steps};

/// Type what each chapter tells the reader to type, in a fresh clone (root).
#[derive(clap::Args)]
pub struct Arguments {
    /// In this checkout: for one that is a fresh clone itself, and has built everything already.
    #[arg(long)]
    in_place: bool,
    /// Which chapters: a part of a file's name. None: all.
    chapters: Vec<String>,
}

/// A chapter's commands, in order.
#[derive(Debug, PartialEq, Eq)]
struct Chapter {
    /// `book/src/device.md`
    file: String,
    commands: Vec<(Replay, String)>,
}

pub fn book_replay(Arguments { in_place, chapters: wanted }: Arguments) -> anyhow::Result<Outcome> {
    let root = steps::workspace_root();
    let mut faults = Vec::new();
    let mut chapters = read(&root, &mut faults)?;
    if !faults.is_empty() {
        faults.iter().for_each(|fault| eprintln!("{fault}"));
        return Ok(Outcome::Bad);
    }
    let known: Vec<_> = chapters.iter().map(|chapter| chapter.file.clone()).collect();
    chapters.retain(|chapter| {
        wanted.is_empty() || wanted.iter().any(|w| chapter.file.contains(w.as_str()))
    });
    chapters.retain(|chapter| !chapter.commands.is_empty());
    ensure!(
        !chapters.is_empty(),
        "there is nothing to type in these chapters. Chapters: {}",
        known.join(", ")
    );
    can_mount()?;

    let sh = Shell::new()?;
    let dir = tempfile::tempdir().context("cannot make a directory for the clone")?;
    let place = if in_place {
        root
    } else {
        let clone = dir.path().join("fuse-by-hand");
        fresh_clone(&sh, &root, &clone)?;
        clone
    };
    let mut good = true;
    for chapter in &chapters {
        println!("\n{}", chapter.file);
        let mounts = fuse_mounts()?;
        good &= replay(chapter, &place)?;
        good &= nothing_left(&sh, &mounts)?;
    }
    Ok(if good { Outcome::Good } else { Outcome::Bad })
}

/// The chapters that SUMMARY.md names, in its order.
fn read(root: &Path, faults: &mut Vec<Fault>) -> anyhow::Result<Vec<Chapter>> {
    let read = |file: &str| {
        fs::read_to_string(root.join(file))
            .with_context(|| format!("cannot read {file}, of the book"))
    };
    let summary = read("book/src/SUMMARY.md")?;
    let names = summary.split("](").skip(1).filter_map(|link| Some(link.split_once(')')?.0));
    names
        .filter(|name| !name.is_empty())
        .map(|name| {
            let file = format!("book/src/{}", name.trim_start_matches("./"));
            let commands = commands(&file, &read(&file)?, faults);
            Ok(Chapter { file, commands })
        })
        .collect()
}

fn commands(file: &str, text: &str, faults: &mut Vec<Fault>) -> Vec<(Replay, String)> {
    let mut commands = Vec::new();
    for piece in pieces(text) {
        let Piece::Fence(fence) = piece else { continue };
        match fence.replay() {
            None => {}
            Some(Err(problem)) => faults.push(problem.at(file, fence.line)),
            Some(Ok(Replay::Once)) => {}
            Some(Ok(kind)) => commands.extend(fence.commands().into_iter().map(|c| (kind, c))),
        }
    }
    commands
}

fn can_mount() -> anyhow::Result<()> {
    ensure!(Uid::effective().is_root(), "the book's servers mount: run this as root");
    OpenOptions::new().read(true).write(true).open("/dev/fuse").context(
        "cannot open /dev/fuse, which the book's servers need. Load it: modprobe fuse; \
         in a container, start that with --device /dev/fuse --cap-add SYS_ADMIN",
    )?;
    Ok(())
}

/// What a reader has: the last commit, in a directory that holds nothing else. Only what cargo
/// builds for it is kept from one replay to the next.
fn fresh_clone(sh: &Shell, root: &Path, clone: &Path) -> anyhow::Result<()> {
    let uncommitted = cmd!(sh, "git -C {root} status --porcelain").quiet().read()?;
    if !uncommitted.is_empty() {
        let count = uncommitted.lines().count();
        eprintln!("{count} file(s) differ from the last commit; the clone has the commit's");
    }
    cmd!(sh, "git clone --quiet {root} {clone}").quiet().run()?;
    let target = root.join("target/replay");
    fs::create_dir_all(&target).with_context(|| format!("cannot make {}", target.display()))?;
    std::os::unix::fs::symlink(&target, clone.join("target"))
        .context("cannot link the clone's target")
}

/// Types a chapter's commands. True: all did what they were to do.
fn replay(chapter: &Chapter, place: &Path) -> anyhow::Result<bool> {
    let mut bash = Bash::start(place)?;
    for (kind, command) in &chapter.commands {
        let deadline = Duration::from_secs(if command.contains("cargo") { 600 } else { 120 });
        let note = match kind {
            Replay::Background => " &",
            Replay::Fails => " (must fail)",
            Replay::Succeeds | Replay::Once => "",
        };
        print!("  $ {}{note}", command.replace('\n', "\n  "));
        stdout().flush().context("cannot print")?;
        let start = Instant::now();
        let ended = match kind {
            Replay::Succeeds | Replay::Once => bash.succeeds(command, deadline),
            Replay::Fails => bash.fails(command, deadline),
            Replay::Background => bash.background(command, deadline),
        }?;
        if !verdict(&ended, start) {
            return Ok(false);
        }
    }
    let start = Instant::now();
    while let Some((command, ended)) = bash.stop()? {
        print!("  Ctrl-C: {command}");
        if !verdict(&ended, start) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Prints how a command ended. True: well.
fn verdict(ended: &Ended, start: Instant) -> bool {
    let seconds = start.elapsed().as_secs_f64();
    let Some(fault) = &ended.fault else {
        println!("  [{seconds:.1} s] ok");
        return true;
    };
    println!("  [{seconds:.1} s] FAILED: {fault}");
    ended.output.lines().for_each(|line| println!("    {line}"));
    false
}

/// A mount that a chapter leaves behind would be in the way of the next one, and of the reader.
fn nothing_left(sh: &Shell, before: &[String]) -> anyhow::Result<bool> {
    let mut left = fuse_mounts()?;
    left.retain(|mount| !before.contains(mount));
    for mount in &left {
        println!("  FAILED: {mount} is still mounted at the chapter's end");
        cmd!(sh, "umount --lazy {mount}").quiet().run()?;
    }
    Ok(left.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(chapter: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let src = dir.path().join("book/src");
        fs::create_dir_all(&src).unwrap();
        fs::write(src.join("SUMMARY.md"), "# Summary\n\n- [B](b.md)\n  - [A](./a.md)\n").unwrap();
        fs::write(src.join("a.md"), "# A\n").unwrap();
        fs::write(src.join("b.md"), chapter).unwrap();
        dir
    }

    #[test]
    fn the_commands_come_in_the_order_of_the_book() {
        let chapter = "```console\n$ one \\\n  two\n```\n<!-- why -->\n```console,once\n$ git clone URL\n```\n\
            > ```console,background\n> $ server\n> ```\n```console,fails\n$ ls /none\n```\n";
        let mut faults = Vec::new();
        let chapters = read(book(chapter).path(), &mut faults).unwrap();
        let command = |kind, text: &str| (kind, text.to_owned());
        let commands = vec![
            command(Replay::Succeeds, "one \\\n  two"),
            command(Replay::Background, "server"),
            command(Replay::Fails, "ls /none"),
        ];
        assert_eq!(faults, []);
        assert_eq!(chapters[0], Chapter { file: "book/src/b.md".into(), commands });
        assert_eq!(chapters[1], Chapter { file: "book/src/a.md".into(), commands: vec![] });
    }

    #[test]
    fn a_fault_of_a_block_is_told() {
        let mut faults = Vec::new();
        read(book("```console,twice\n$ a\n```\n").path(), &mut faults).unwrap();
        assert!(faults[0].to_string().starts_with("book/src/b.md:1: ```console,twice"));
    }

    #[test]
    fn a_missing_chapter_is_told() {
        let dir = book("");
        fs::remove_file(dir.path().join("book/src/a.md")).unwrap();
        let error = read(dir.path(), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("book/src/a.md"), "{error}");
    }

    #[test]
    fn a_chapter_is_well_when_all_its_commands_are() {
        let dir = tempfile::tempdir().unwrap();
        let well = |commands: &[(Replay, &str)]| {
            let commands =
                commands.iter().map(|(kind, text)| (*kind, (*text).to_owned())).collect();
            replay(&Chapter { file: "a.md".into(), commands }, dir.path()).unwrap()
        };
        assert!(well(&[(Replay::Succeeds, "cd /"), (Replay::Fails, "ls none")]));
        assert!(!well(&[(Replay::Succeeds, "false"), (Replay::Succeeds, "true")]));
        assert!(!well(&[(Replay::Fails, "true")]));
        assert!(!well(&[(Replay::Background, "true")]));
    }
}
