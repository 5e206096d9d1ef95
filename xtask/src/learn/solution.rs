//! `cargo xtask solution 05.2`: what the reference has.

use std::fs;

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

use crate::Outcome;
use crate::learn::exercises::{self, Exercise};
use crate::learn::mine;

/// Put the reference's body of an exercise into mine/, or only look at it.
///
/// What you had written there is kept, in mine/before/.
#[derive(clap::Args)]
pub struct Arguments {
    /// The exercises: 05.2, or several.
    #[arg(required = true)]
    exercises: Vec<String>,
    /// Print it, and change nothing.
    #[arg(long, conflicts_with = "diff")]
    show: bool,
    /// Compare yours with it, and change nothing.
    #[arg(long)]
    diff: bool,
}

pub fn solution(Arguments { exercises, show, diff }: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    for named in exercises {
        let (_, exercise) = exercises::find(&sh, &named)?;
        let solution = exercise.solution()?;
        if show {
            println!(
                "exercise {}: {}  ({})\n\n{solution}",
                exercise.id,
                exercise.title,
                exercise.path()
            );
        } else if diff {
            compare(&sh, &exercise, &solution)?;
        } else {
            put_back(&exercise, &solution)?;
        }
    }
    Ok(Outcome::Good)
}

fn compare(sh: &Shell, exercise: &Exercise, solution: &str) -> anyhow::Result<()> {
    let mine = mine::find()?;
    let source = exercise.source(&mine)?;
    let body = exercise.place(&source)?.body;
    if body == solution {
        println!("exercise {}: yours is the same as the reference's", exercise.id);
        return Ok(());
    }
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    for (name, text) in [("yours", body), ("reference", solution)] {
        fs::write(dir.path().join(name), text).with_context(|| format!("cannot write {name}"))?;
    }
    let _there = sh.push_dir(dir.path());
    // 1: they differ. The next: it could not compare them.
    let status = cmd!(sh, "diff -u --label yours --label reference yours reference")
        .quiet()
        .ignore_status()
        .output();
    let status = status.context("cannot start diff. Install it: apt-get install diffutils")?;
    if !matches!(status.status.code(), Some(0 | 1)) {
        bail!("diff: {}", String::from_utf8_lossy(&status.stderr));
    }
    println!(
        "exercise {}: {}\n{}",
        exercise.id,
        exercise.title,
        String::from_utf8_lossy(&status.stdout)
    );
    Ok(())
}

fn put_back(exercise: &Exercise, solution: &str) -> anyhow::Result<()> {
    let mine = mine::find()?;
    let source = exercise.source(&mine)?;
    let (id, place) = (&exercise.id, exercise.place(&source)?);
    if place.body == solution {
        println!("exercise {id}: yours is the same as the reference's already");
        return Ok(());
    }
    if !place.is_open(id) {
        let kept = keep(id, place.body)?;
        println!("exercise {id}: what you had written is in {kept}");
    }
    exercise.change(&mine, |place| place.filled(solution))?;
    println!("exercise {id}: mine/{} has the reference's body now", exercise.path());
    Ok(())
}

/// Keeps a learner's body, beside those kept before. Returns where.
fn keep(id: &str, body: &str) -> anyhow::Result<String> {
    let dir = mine::dir().join("before");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let free = (1..).map(|n| dir.join(format!("{id}-{n}.rs"))).find(|path| !path.exists());
    let path = free.context("no name is free")?;
    fs::write(&path, body).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.display().to_string())
}
