//! `fuse714`: the reference server as a program.

#![deny(missing_docs)]

mod arguments;
mod commands;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Mirror(mirror) => commands::mirror(&mirror),
        Command::Mem(mem) => commands::mem(&mem),
        Command::Probe => commands::probe(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fuse714: {error:#}");
            ExitCode::FAILURE
        }
    }
}
