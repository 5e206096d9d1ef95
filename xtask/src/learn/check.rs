//! `cargo xtask check 05`: is what the learner wrote right?

use std::path::Path;

use xshell::Shell;

use crate::learn::standing::Standing;
use crate::learn::{judge, mine, tasks, turns, verdicts};
use crate::steps::{self, Step};
use crate::vm::report::Verdicts;
use crate::{Outcome, learn};

/// Judge your step in mine/: its tests without a kernel, and those in a VM.
///
/// The tests and snapshots are the repository's own. Where you have changed an earlier step, its tests run
/// too, and what fails there comes first. Exit status: 0 all is right, 1 yours to mend, 2 the rig's.
#[derive(clap::Args)]
pub struct Arguments {
    /// The step: 05, step05 or step05-server.
    step: String,
    /// Only its tests without a kernel: a first answer, in seconds.
    #[arg(long)]
    quick: bool,
}

pub fn check(Arguments { step, quick }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    let step = steps::find(&sh, &step)?;
    let mine = mine::find()?;
    let steps = concerned(&sh, &mine, &step)?;
    // Before what takes long: are the marks still there?
    steps.iter().try_for_each(|step| tasks(&mine, step).map(drop))?;
    let verdicts = match quick {
        true => judge::without_a_kernel(&sh, &mine, &steps)?,
        false => verdicts(&sh, &mine, &steps, true)?,
    };
    let (outcome, told) = told(&mine, &steps, &verdicts)?;
    if quick && outcome == Outcome::Good {
        println!(
            "\nwithout a kernel nothing fails. And with one? cargo xtask check {}",
            step.number
        );
    } else {
        println!("\n{told}");
    }
    Ok(outcome)
}

/// The step, and the earlier ones in which something differs from the reference, lowest first.
fn concerned(sh: &Shell, mine: &Path, step: &Step) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for other in steps::all(sh)?.into_iter().filter(|other| other <= step) {
        if other == *step || !mine::changed(mine, &other.dir())?.is_empty() {
            steps.push(other);
        }
    }
    Ok(steps)
}

/// What is said of them: up to the first that is not right.
pub fn told(mine: &Path, steps: &[Step], verdicts: &Verdicts) -> anyhow::Result<(Outcome, String)> {
    let mut text = String::new();
    for step in steps {
        let of_the_step = learn::only_of(step, verdicts);
        let tasks = tasks(mine, step)?;
        let standing = Standing::new(&tasks, &of_the_step, &turns::recorded(step)?);
        if standing.outcome() == Outcome::Good {
            text += &format!("step {}: all {} tests pass\n", step.number, of_the_step.passed.len());
            if Some(step) == steps.last() {
                let ids: Vec<_> = tasks.iter().map(|task| task.exercise.id.as_str()).collect();
                text += &format!("Compare: cargo xtask solution {} --diff\n", ids.join(" "));
            }
            continue;
        }
        text += &format!(
            "step {}: {} tests fail\n\n{}",
            step.number,
            standing.failed(),
            standing.overview()
        );
        for part in [standing.first_failure(), standing.next().unwrap_or_default()] {
            if !part.is_empty() {
                text += &format!("\n{}\n", part.trim_end());
            }
        }
        return Ok((Outcome::Bad, text));
    }
    if verdicts.not_run > 0 {
        text += &format!("{} tests did not run, since the guest went away\n", verdicts.not_run);
        return Ok((Outcome::Bad, text));
    }
    if let Some(next) = steps::all(&Shell::new()?)?
        .iter()
        .find(|next| steps.last().is_some_and(|last| *next > last))
    {
        text += &format!("Next: cargo xtask start {}\n", next.number);
    }
    Ok((Outcome::Good, text))
}
