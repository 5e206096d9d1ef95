//! `cargo xtask demo`: the main job, one command from a fresh clone.

use std::io::{self, IsTerminal, Write, stdout};

use anyhow::Context;
use step02_wire::Opcode;
use xshell::Shell;

use crate::{Outcome, steps, vm, vm_run};

/// Boot a VM, mount a step's server, visit it, and show the conversation.
#[derive(clap::Args)]
pub struct Arguments {
    /// The step, of those that serve hello.txt: 04 or 05.
    #[arg(default_value = "05", value_parser = ["4", "04", "5", "05"])]
    step: String,
    #[command(flatten)]
    vm: vm::Options,
}

pub fn demo(Arguments { step, vm: options }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    let step = steps::find(&sh, &step)?;
    let colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let mut page = None;
    let mut printed = Ok(());
    let command = vec!["guide".to_owned(), step.package.clone()];
    let outcome = vm_run::run_in_guest(&sh, &options, command, |text| {
        let page = page.get_or_insert_with(|| Page::new(stdout(), colour));
        if printed.is_ok() {
            printed = page.take(text);
        }
    })?;
    printed.context("cannot print")?;
    println!(
        "\nThat was {} in a real kernel. Its source: {}. Change what hello.txt says there,\n\
         and run this again. All its tests: cargo xtask vm-test {}",
        step.package,
        step.source(),
        step.number
    );
    Ok(outcome)
}

/// Columns of the left side: what the client types and sees.
const LEFT: usize = 36;
/// Columns of the right side: the conversation.
const RIGHT: usize = 80;

/// The visit on the left, the conversation on the right, in the order in which they happened.
struct Page<W> {
    out: W,
    colour: bool,
    /// The start of a line whose end has not come yet. `None`: the head is still to be printed.
    partial: Option<String>,
}

impl<W: Write> Page<W> {
    fn new(out: W, colour: bool) -> Page<W> {
        Page { out, colour, partial: None }
    }

    /// Takes what the guest printed, in pieces of any size.
    fn take(&mut self, text: &str) -> io::Result<()> {
        let mut text = match self.partial.take() {
            Some(partial) => partial + text,
            None => {
                self.head()?;
                text.to_owned()
            }
        };
        while let Some(end) = text.find('\n') {
            let rest = text.split_off(end + 1);
            self.line(text.trim_end())?;
            text = rest;
        }
        self.partial = Some(text);
        Ok(())
    }

    fn head(&mut self) -> io::Result<()> {
        writeln!(
            self.out,
            "\n {:LEFT$}│ the kernel asks (→), the server answers (←)",
            "the client"
        )?;
        writeln!(self.out, "─{}┼{}", "─".repeat(LEFT), "─".repeat(RIGHT))
    }

    fn line(&mut self, line: &str) -> io::Result<()> {
        if !line.starts_with(['→', '←']) {
            return writeln!(self.out, " {line:LEFT$}│");
        }
        if let Some(opcode) = asked(line) {
            let meaning = format!("{opcode}: {}", opcode.meaning());
            let meaning = if self.colour { format!("\x1b[2m{meaning}\x1b[0m") } else { meaning };
            writeln!(self.out, " {:LEFT$}│ {meaning}", "")?;
        }
        for part in wrapped(line, RIGHT - 4) {
            writeln!(self.out, " {:LEFT$}│   {part}", "")?;
        }
        Ok(())
    }
}

/// What the kernel asks in a trace's line `→ #4 LOOKUP(node 1, …`.
fn asked(line: &str) -> Option<Opcode> {
    let name = line.strip_prefix("→ #")?.split_once(' ')?.1;
    let name = name.split(['(', ' ']).next()?;
    Opcode::ALL.iter().copied().find(|opcode| opcode.name() == name)
}

/// Breaks a line at spaces, or after a `|` between flags, where it would be longer than `width`.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_inclusive([' ', '|']) {
        let length = |text: &str| text.chars().count();
        let last = lines.len() - 1;
        if length(&lines[last]) + length(word.trim_end()) > width && !lines[last].trim().is_empty()
        {
            lines.push(format!("     {word}"));
        } else {
            lines[last].push_str(word);
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opcode_stands_in_the_line() {
        assert_eq!(asked("→ #4 LOOKUP(node 1, \"READ\")"), Some(Opcode::Lookup));
        assert_eq!(asked("→ #4 DESTROY"), Some(Opcode::Destroy));
        assert_eq!(asked("← #4 LOOKUP = -ENOENT"), None);
        assert_eq!(asked("→ #4 STATX(…)"), None, "newer than 7.14");
    }

    #[test]
    fn a_long_line_keeps_all_its_words() {
        let line = "→ #2 INIT(version 7.41, flags=ASYNC_READ|POSIX_LOCKS|ATOMIC_O_TRUNC)";
        let parts = wrapped(line, 30);
        assert!(
            parts.len() > 1 && parts.iter().all(|part| part.chars().count() <= 30 + 5),
            "{parts:?}"
        );
        let squeeze = |text: &str| text.replace(' ', "");
        assert_eq!(squeeze(&parts.concat()), squeeze(line));
        assert_eq!(wrapped("short", 30), ["short"]);
    }

    /// The README shows the demo. It must be what the tests recorded through a kernel.
    #[test]
    fn the_readme_shows_what_was_recorded() {
        let read =
            |path: &str| std::fs::read_to_string(steps::workspace_root().join(path)).unwrap();
        let snapshot = read("tests/snapshots/kernel__step05__guide.snap");
        let recorded = snapshot.splitn(3, "---\n").nth(2).unwrap();
        let mut page = Page::new(Vec::new(), false);
        page.take(recorded).unwrap();
        let page = String::from_utf8(page.out).unwrap();
        let readme = read("README.md");
        let mut left = readme.lines();
        for line in page.lines().filter(|line| !line.is_empty()) {
            let line = line.trim_end();
            assert!(
                left.any(|l| l.trim_end() == line),
                "not in the README, or not in this order:\n{line}"
            );
        }
    }
}
