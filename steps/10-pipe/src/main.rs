//! The experiments of chapter 10: each line says what was expected, and what happened.

mod experiments;

use std::process::ExitCode;

use clap::Parser;

/// Step 10: what a pipe can do. Runs some experiments, and prints what comes out. There is no FUSE here.
#[derive(Parser)]
struct Arguments {}

fn main() -> anyhow::Result<ExitCode> {
    let Arguments {} = Arguments::parse();
    let mut differences = 0;
    experiments::all(&mut |what, expected, happened| {
        if expected.is_empty() {
            println!("\n{what:<46}expected      happened");
            return;
        }
        let differs = expected != happened;
        differences += usize::from(differs);
        let mark = if differs { "  <-- !" } else { "" };
        println!("  {what:<44}{expected:<14}{happened}{mark}");
    })?;
    if differences > 0 {
        println!("\n{differences} not as expected: this kernel, or this sandbox, is different.");
        return Ok(ExitCode::FAILURE);
    }
    println!("\nAll as expected.");
    Ok(ExitCode::SUCCESS)
}
