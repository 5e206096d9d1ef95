//! `cargo xtask start 05`: the step with holes in it, in the learner's own copy.

use xshell::Shell;

use crate::learn::standing::Standing;
use crate::learn::{exercises, mine, open_elsewhere, tasks, turns, verdicts};
use crate::{Outcome, steps};

/// Copy the steps to mine/ (once), and open the exercises of a step there.
///
/// The bodies of the step's exercises become todo!(…); what the doc comments say is what to write. steps/
/// stays as it is. A body that you have written is kept.
#[derive(clap::Args)]
pub struct Arguments {
    /// The step: 05, step05 or step05-server.
    step: String,
}

pub fn start(Arguments { step }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    let step = steps::find(&sh, &step)?;
    let mine = mine::find_or_make()?;
    let open = open_elsewhere(&sh, &mine, &step)?;
    if !open.is_empty() {
        println!(
            "exercises of another step are still open: {}\nWrite them first, or take what the reference has: cargo xtask solution {}",
            open.join(", "),
            open.join(" ")
        );
        return Ok(Outcome::Bad);
    }
    for exercise in exercises::of(&step)? {
        let (source, solution) = (exercise.source(&mine)?, exercise.solution()?);
        let place = exercise.place(&source)?;
        if place.body == solution {
            exercise.change(&mine, |place| place.punched(&exercise.id, &exercise.title))?;
        } else if !place.is_open(&exercise.id) {
            println!("exercise {} is written already, and stays as you wrote it", exercise.id);
        }
    }
    println!(
        "step {}: the exercises are open in {}\n",
        step.number,
        mine.join(step.dir()).display()
    );

    eprintln!("Its tests, before you write anything:");
    if !mine.join("target").exists() {
        eprintln!("(the first time, all is built for it: two minutes or so)");
    }
    let tasks = tasks(&mine, &step)?;
    let verdicts = verdicts(&sh, &mine, std::slice::from_ref(&step), false)?;
    let standing = Standing::new(&tasks, &verdicts, &turns::recorded(&step)?);
    match standing.next() {
        Some(next) => println!(
            "\n{} tests fail: that is expected, these are your tasks.\n\n{}\n{next}\nThen: cargo xtask check {}",
            standing.failed(),
            standing.overview(),
            step.number
        ),
        None => println!("\n{}\nAll of it is done.", standing.overview()),
    }
    Ok(Outcome::Good)
}
