//! The kit's own commands. `cargo xtask --help` lists them.

mod bench;
mod book;
mod demo;
mod doctor;
mod host;
mod interrupt;
mod learn;
mod package;
mod run;
mod self_test;
mod server;
mod snapshots;
mod steps;
mod suite;
mod test;
mod vm;
mod vm_run;
mod vm_test;
mod witness;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// FUSE by Hand: build, boot, test, look.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Test(test::Arguments),
    VmTest(vm_test::Arguments),
    VmRun(vm_run::Arguments),
    Run(run::Arguments),
    Start(learn::start::Arguments),
    Check(learn::check::Arguments),
    Hint(learn::hint::Arguments),
    Solution(learn::solution::Arguments),
    LearnSelftest(learn::selftest::Arguments),
    Bench(bench::Arguments),
    Book(book::Arguments),
    BookReplay(book::replay::Arguments),
    BookTest(book::test::Arguments),
    #[command(hide = true)]
    BookPreprocess(book::preprocess::Arguments),
    Doctor(doctor::Arguments),
}

/// What a command can tell, beside an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is well: exit status 0.
    Good,
    /// What was tested is not well: exit status 1.
    Bad,
}

fn main() -> ExitCode {
    let result = interrupt::install().and_then(|()| match Arguments::parse().command {
        Command::Demo(arguments) => demo::demo(arguments),
        Command::Test(arguments) => test::test(arguments),
        Command::VmTest(arguments) => vm_test::vm_test(arguments),
        Command::VmRun(arguments) => vm_run::vm_run(arguments),
        Command::Run(arguments) => run::run(arguments),
        Command::Start(arguments) => learn::or_the_learners(learn::start::start(arguments)),
        Command::Check(arguments) => learn::or_the_learners(learn::check::check(arguments)),
        Command::Hint(arguments) => learn::hint::hint(arguments),
        Command::Solution(arguments) => {
            learn::or_the_learners(learn::solution::solution(arguments))
        }
        Command::LearnSelftest(arguments) => learn::selftest::learn_selftest(arguments),
        Command::Bench(arguments) => bench::bench(arguments),
        Command::Book(arguments) => book::book(arguments),
        Command::BookReplay(arguments) => book::replay::book_replay(arguments),
        Command::BookTest(arguments) => book::test::book_test(arguments),
        Command::BookPreprocess(arguments) => book::preprocess::book_preprocess(arguments),
        Command::Doctor(arguments) => doctor::doctor(arguments),
    });
    match result {
        _ if interrupt::requested() => {
            eprintln!("\ninterrupted");
            ExitCode::from(130)
        }
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Bad) => ExitCode::FAILURE,
        // 2: we cannot tell, since the tools failed and not what they were to test.
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::from(2)
        }
    }
}
