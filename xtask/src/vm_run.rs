//! `cargo xtask vm-run`: one program in the guest.

use std::io::{Write, stdout};
use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use vm_init::{BIN_DIR, Record, Verdict, Work};
use xshell::Shell;

use crate::vm::guest::Tests;
use crate::vm::machine::Heard;
use crate::{Outcome, vm};

/// Boot a real kernel in QEMU and run one program in it.
///
/// The program is one of the guest's own (a step's server, `visit`, `guide`), or the path of a static
/// executable, which is carried into the guest.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    vm: vm::Options,
    /// The program and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub fn vm_run(Arguments { vm: options, command }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    run_in_guest(&sh, &options, command, |text| {
        print!("{text}");
        let _ = stdout().flush();
    })
}

/// Runs a program in a guest, and hands on what it prints as it comes.
pub fn run_in_guest(
    sh: &Shell,
    options: &vm::Options,
    mut command: Vec<String>,
    mut print: impl FnMut(&str),
) -> anyhow::Result<Outcome> {
    let mut parts = vm::prepare(sh, options, Tests::OfTheSteps)?;
    command[0] = match &command[0] {
        name if parts.programs.has(name) => format!("{BIN_DIR}/{name}"),
        path => parts.programs.add(sh, Path::new(path))?,
    };
    let work = Work::Run { command, timeout: options.timeout() };
    let kernel = vm::only_kernel(&parts)?;
    let mut guest = vm::boot(sh, &parts, kernel, options, work)?;
    eprintln!("{}", guest.banner);

    let mut verdict = None;
    let patience = Duration::from_secs(options.timeout() + 30);
    loop {
        match guest.machine.next(patience)? {
            Heard::Record(Record::Output { text }) => print(&text),
            Heard::Record(Record::End { verdict: ended, .. }) => verdict = Some(ended),
            Heard::Record(Record::Done) => return judge(verdict),
            Heard::Record(
                Record::Hello { .. }
                | Record::Plan { .. }
                | Record::Start { .. }
                | Record::Again { .. }
                | Record::Seen { .. },
            ) => {}
            Heard::End => return Err(guest.machine.lost()),
            Heard::Silence => {
                bail!("the guest fell silent\n{}", guest.machine.console_tail())
            }
        }
    }
}

fn judge(verdict: Option<Verdict>) -> anyhow::Result<Outcome> {
    match verdict {
        Some(Verdict::Passed) => return Ok(Outcome::Good),
        Some(Verdict::Failed { status }) => eprintln!("the program failed: {status}"),
        Some(Verdict::TimedOut { waits }) => {
            eprintln!(
                "the program was stopped at its deadline. It waited for:\n  {}",
                waits.join("\n  ")
            )
        }
        Some(Verdict::Leaked { what }) => {
            eprintln!("the program left behind:\n  {}", what.join("\n  "))
        }
        Some(Verdict::KernelComplained { messages }) => {
            eprintln!("the kernel complained:\n  {}", messages.join("\n  "))
        }
        None => bail!("the guest was done without a word on the program"),
    }
    Ok(Outcome::Bad)
}
