//! The tests of steps in a learner's workspace: those without a kernel here, the others in a guest.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use vm_init::{HOLE, only};
use xshell::{Shell, cmd};

use crate::steps::Step;
use crate::vm::guest::CannotBuild;
use crate::vm::report::{Failure, Verdicts, without_frame};
use crate::{interrupt, vm_test};

/// Deadline of a test without a kernel. The slowest (step 02's `a_flipped_bit_never_panics`) takes 8 s where
/// nothing else runs, and three times as long where much does.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long one may go on that ran into an exercise nobody has written yet.
const AFTER_A_HOLE: Duration = Duration::from_secs(1);

/// A test program that cargo has built.
struct Program {
    /// `step05-server`; of its `tests/` also the file's name: `step02-wire::recorded`.
    name: String,
    path: PathBuf,
    /// Where cargo would run it: in its package's directory.
    dir: PathBuf,
}

/// Runs the tests of these steps that need no kernel, each in a process of its own: so each has a deadline,
/// and none takes another with it.
///
/// # Errors
///
/// [`CannotBuild`]; or a test program cannot be started.
pub fn without_a_kernel(sh: &Shell, workspace: &Path, steps: &[Step]) -> anyhow::Result<Verdicts> {
    let start = Instant::now();
    eprintln!("building the tests …");
    let programs = build(sh, workspace, steps)?;
    let mut verdicts = Verdicts::default();
    for program in &programs {
        let path = &program.path;
        // Without those that need a kernel.
        let listed = cmd!(sh, "{path} --list --format terse").quiet().read()?;
        let needs_a_kernel = cmd!(sh, "{path} --list --format terse --ignored").quiet().read()?;
        let ignored: Vec<_> = needs_a_kernel.lines().collect();
        for test in listed.lines().filter(|line| !ignored.contains(line)) {
            if let Some(test) = test.strip_suffix(": test") {
                one(program, test, &mut verdicts)?;
            }
        }
    }
    let all = verdicts.passed.len() + verdicts.failed.len();
    eprintln!("[{all} tests without a kernel: {:.1} s]", start.elapsed().as_secs_f64());
    Ok(verdicts)
}

fn build(sh: &Shell, workspace: &Path, steps: &[Step]) -> anyhow::Result<Vec<Program>> {
    let _there = sh.push_dir(workspace);
    let _target = sh.push_env("CARGO_TARGET_DIR", "target");
    let packages =
        steps.iter().flat_map(Step::packages).flat_map(|package| ["-p".to_owned(), package]);
    let packages: Vec<_> = packages.collect();
    let built = cmd!(
        sh,
        "cargo test --quiet --no-run --message-format json-render-diagnostics {packages...}"
    );
    let built = built.quiet().read().context(CannotBuild("the tests"))?;
    let program = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = PathBuf::from(message["executable"].as_str()?);
        message["profile"]["test"].as_bool().filter(|test| *test)?;
        let dir = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
        let package = dir.file_name()?.to_string_lossy().into_owned();
        let name = match message["target"]["kind"][0].as_str()? {
            "test" => format!("{package}::{}", message["target"]["name"].as_str()?),
            _ => package,
        };
        Some(Program { name, path, dir })
    };
    // Cargo names them as they are built, in another order each time.
    let mut programs: Vec<_> = built.lines().filter_map(program).collect();
    programs.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    Ok(programs)
}

fn one(program: &Program, test: &str, verdicts: &mut Verdicts) -> anyhow::Result<()> {
    let name = format!("{}::{test}", program.name);
    // A file takes all of it, however much; a pipe would have to be emptied meanwhile.
    let mut output = tempfile::tempfile().context("cannot make a temporary file")?;
    let mut child = Command::new(&program.path)
        .args(only(test))
        .current_dir(&program.dir)
        .env("RUST_BACKTRACE", "0")
        .env("INSTA_UPDATE", "no")
        // No file beside the sources for each value that fails.
        .env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1")
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?)
        .spawn()
        .with_context(|| format!("cannot start {}", program.path.display()))?;
    let start = Instant::now();
    let mut waits = String::new();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        let in_a_hole = start.elapsed() > AFTER_A_HOLE && printed(&mut output)?.contains(HOLE);
        if in_a_hole || start.elapsed() > PATIENCE || interrupt::requested() {
            waits = where_it_waits(child.id());
            child.kill()?;
            child.wait()?;
            ensure!(!interrupt::requested(), "interrupted");
            break None;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    if status.is_some_and(|status| status.success()) {
        verdicts.passed.push(name);
        return Ok(());
    }
    let output = without_frame(&printed(&mut output)?, test);
    let what = match status {
        Some(status) => format!("FAILED: {status}"),
        None => format!("TIMEOUT: still running after {} s{waits}", start.elapsed().as_secs()),
    };
    verdicts.failed.push(Failure { test: name, what, output, witnessed: None });
    Ok(())
}

/// What the threads of a process do: a line for each, with the kernel's function in which it sleeps.
fn where_it_waits(pid: u32) -> String {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let line = |thread: fs::DirEntry| {
        let (name, waits) = (read(thread.path().join("comm")), read(thread.path().join("wchan")));
        match waits.as_str() {
            "" | "0" => format!("\n    {name}: busy"),
            waits => format!("\n    {name}: waits in {waits}"),
        }
    };
    threads.map(line).collect()
}

/// All that a test has printed so far.
fn printed(output: &mut File) -> anyhow::Result<String> {
    let mut printed = Vec::new();
    output.seek(SeekFrom::Start(0))?;
    output.read_to_end(&mut printed)?;
    Ok(String::from_utf8_lossy(&printed).into_owned())
}

/// Runs the tests of these steps that need a kernel; with a `witness`, the first that fail once more, followed.
///
/// # Errors
///
/// [`CannotBuild`]; or the rig cannot tell.
pub fn through_a_kernel(
    sh: &Shell,
    workspace: &Path,
    steps: &[Step],
    witness: bool,
) -> anyhow::Result<Verdicts> {
    let mut arguments = vm_test::Arguments::default();
    arguments.filters = steps.iter().map(|step| format!("step{}::", step.number)).collect();
    arguments.judge = true;
    arguments.witness = witness;
    arguments.vm.workspace = workspace.to_owned();
    let start = Instant::now();
    let verdicts = vm_test::verdicts(sh, &arguments)?;
    let all = verdicts.passed.len() + verdicts.failed.len();
    eprintln!("[{all} tests through a kernel: {:.1} s]", start.elapsed().as_secs_f64());
    Ok(verdicts)
}

/// Both kinds as one.
pub fn together(mut first: Verdicts, second: Verdicts) -> Verdicts {
    first.passed.extend(second.passed);
    first.failed.extend(second.failed);
    first.not_run += second.not_run;
    first
}
