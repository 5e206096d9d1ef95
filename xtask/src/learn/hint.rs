//! `cargo xtask hint 05.2`: the mildest hint first.

use std::fs;

use anyhow::Context;
use xshell::Shell;

use crate::Outcome;
use crate::learn::{exercises, mine};

/// Give a hint for an exercise: the mildest first.
#[derive(clap::Args)]
pub struct Arguments {
    /// The exercise: 05.2
    exercise: String,
    /// One more than last time.
    #[arg(long)]
    more: bool,
}

pub fn hint(Arguments { exercise, more }: Arguments) -> anyhow::Result<Outcome> {
    let (_, exercise) = exercises::find(&Shell::new()?, &exercise)?;
    let (id, all) = (&exercise.id, exercise.hints.len());
    // How many have been given stands beside the learner's steps.
    let file = mine::dir().join("hints").join(id);
    let before = fs::read_to_string(&file).ok().and_then(|n| n.trim().parse().ok()).unwrap_or(0);
    let given = (before + usize::from(more)).clamp(1, all);
    if mine::dir().exists() {
        fs::create_dir_all(mine::dir().join("hints")).context("cannot make mine/hints")?;
        fs::write(&file, given.to_string())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("exercise {id}: {}  (mine/{})\n", exercise.title, exercise.path());
    for (n, hint) in exercise.hints.iter().take(given).enumerate() {
        println!("{} of {all}: {hint}", n + 1);
    }
    match given < all {
        true => println!("\nOne more: cargo xtask hint {id} --more"),
        false => println!(
            "\nThat was the last. What the reference has: cargo xtask solution {id} --show"
        ),
    }
    Ok(Outcome::Good)
}
