//! `cargo xtask vm-test`: the tests that need a kernel, in a VM.

use std::io::{Write, sink, stdout};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure};
use vm_init::{LIST, Work, selected};
use xshell::{Shell, cmd};

use crate::package::provide;
use crate::suite::{self, Suite};
use crate::vm::carry::carry;
use crate::vm::guest::{Programs, Tests};
use crate::vm::kernel::Kernel;
use crate::vm::machine::{Heard, Machine};
use crate::vm::report::{End, Report, Verdicts};
use crate::vm::{Options, Parts};
use crate::{Outcome, host, self_test, server, snapshots, steps, vm};

/// The tests that run a program that is not the kit's own: which, and the package that has it.
const FOREIGN: [(&str, &str, &str); 8] = [
    ("step12::", "mke2fs", "e2fsprogs"),
    ("step13::", "fusermount3", "fuse3"),
    // What a learner types, and whose words they read.
    ("symptoms::", "ls", "coreutils"),
    ("symptoms::", "cat", "coreutils"),
    ("symptoms::", "mkdir", "coreutils"),
    ("symptoms::", "rmdir", "coreutils"),
    ("symptoms::", "sleep", "coreutils"),
    ("symptoms::", "umount", "mount"),
];

/// Boot a real kernel in QEMU and run the steps' tests in it.
///
/// `--kernel host` runs them on this machine's own kernel instead (root).
#[derive(clap::Args, Default, Clone)]
pub struct Arguments {
    /// Which tests: a step (04, step04) or a part of a name; of a suite: memfs, mirror, spliced. None: all.
    pub filters: Vec<String>,
    /// Run a suite in place of the steps' tests.
    #[arg(long, conflicts_with_all = ["accept", "exact"])]
    pub suite: Option<Suite>,
    /// Test another program in place of the step's server: `vm-test 04 --server ./my-server`.
    ///
    /// Any executable in any language that is called as `SERVER MOUNTPOINT`. It goes into the guest with its
    /// libraries (ldd). Of a script its first line is followed: the interpreter comes along, and with Python
    /// its standard library, without site-packages. Other files and packages do not. The step's tests that
    /// need more than `SERVER MOUNTPOINT` are named and left out.
    #[arg(long, value_name = "PATH", conflicts_with_all = ["suite", "accept", "exact", "self_test", "shell"])]
    pub server: Option<PathBuf>,
    /// On this machine's own kernel (root): short for --kernel host.
    #[arg(long)]
    host: bool,
    /// A filter is the whole name of a test.
    #[arg(long)]
    pub exact: bool,
    /// Print what the tests print as it comes, also of those that pass.
    #[arg(long)]
    pub nocapture: bool,
    /// List the tests, and run none.
    #[arg(long)]
    list: bool,
    /// Take the outputs that differ from the recorded snapshots as the new recordings.
    #[arg(long)]
    pub accept: bool,
    /// Run the first failing tests (three at most) once more, and tell what went over /dev/fuse, and what was
    /// wrong with it.
    #[arg(long, conflicts_with_all = ["list", "shell", "self_test", "accept"])]
    pub witness: bool,
    /// Test the rig itself: does it see red?
    #[arg(long, conflicts_with_all = ["filters"])]
    self_test: bool,
    /// Boot the guest and give it this terminal, with a shell.
    #[arg(long, conflicts_with_all = ["filters", "accept", "list"])]
    shell: bool,
    /// Only compare with the snapshots: what differs is not kept as a proposal.
    #[arg(skip)]
    pub judge: bool,
    #[command(flatten)]
    pub vm: Options,
}

pub fn vm_test(mut arguments: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    if arguments.host {
        arguments.vm.kernel = "host".into();
    }
    if arguments.witness {
        ensure!(
            arguments.vm.kernel != "host",
            "--witness needs a VM: this machine's own kernel has no runner that could follow a test"
        );
        ensure!(
            arguments.suite.is_none(),
            "--witness is for the steps' tests: those of a suite are too long to be told"
        );
    }
    if let Some(suite) = arguments.suite {
        suite::select(&sh, &mut arguments, suite)?;
    }
    if let Some(server) = arguments.server.clone() {
        server::select(&sh, &mut arguments, &server)?;
    }
    let options = &arguments.vm;
    if arguments.self_test {
        return self_test::self_test(options.clone(), arguments.accept);
    }
    if arguments.shell {
        return shell(&sh, options);
    }
    let known = steps::all(&sh)?;
    for filter in &mut arguments.filters {
        // A step's tests are the module of its number.
        if let Some(step) = known.iter().find(|step| step.is_called(filter)) {
            ensure!(
                !arguments.exact,
                "--exact takes the whole name of a test, not a step: {filter}"
            );
            *filter = format!("step{}::", step.number);
        }
    }
    if arguments.list {
        return list(&sh, &arguments);
    }
    if options.kernel == "host" {
        return Ok(host::run(&sh, &arguments)?.outcome());
    }
    let parts = parts(&sh, &arguments)?;
    match &parts.kernels[..] {
        [kernel] => Ok(run(&parts, kernel, &arguments, stdout())?.outcome()),
        _ => side_by_side(&parts, &arguments),
    }
}

/// Runs the tests on one kernel, and tells nobody: for a command that has its own words for what became of
/// them.
pub fn verdicts(sh: &Shell, arguments: &Arguments) -> anyhow::Result<Verdicts> {
    let parts = parts(sh, arguments)?;
    run(&parts, vm::only_kernel(&parts)?, arguments, sink())
}

/// All that a boot for these tests needs.
fn parts(sh: &Shell, arguments: &Arguments) -> anyhow::Result<Parts> {
    let server = arguments.server.as_ref().map(|server| carry(sh, server)).transpose()?;
    let mut parts = vm::prepare(sh, &arguments.vm, Tests::for_suite(arguments.suite))?;
    if let Some(suite) = arguments.suite {
        suite.add_programs(sh, &mut parts.programs)?;
    }
    for program in foreign_programs(sh, &parts.programs, arguments)? {
        parts.programs.add(sh, &program)?;
    }
    if let Some((path, server)) = arguments.server.as_ref().zip(server) {
        server::announce(sh, &parts.programs, arguments, path)?;
        parts.programs.carry(server);
    }
    Ok(parts)
}

/// One kernel: boots it, runs the tests in it, and tells on `out`.
fn run(
    parts: &Parts,
    kernel: &Kernel,
    arguments: &Arguments,
    mut out: impl Write,
) -> anyhow::Result<Verdicts> {
    let options = &arguments.vm;
    let mut environment =
        snapshots::environment(arguments.accept, arguments.judge, kernel.cached.is_some());
    environment.extend(parts.programs.environment.clone());
    let work = Work::Tests {
        filters: arguments.filters.clone(),
        exact: arguments.exact,
        timeout: options.timeout(),
        environment,
        witness: arguments.witness,
    };
    let start = Instant::now();
    let mut guest = vm::boot(&Shell::new()?, parts, kernel, options, work)?;
    writeln!(out, "{}", guest.banner)?;

    let mut report =
        Report::new(&mut out, arguments.nocapture).of_server(arguments.server.as_deref());
    // The guest enforces each test's deadline. This one is for a guest that cannot any more.
    let end = listen(&mut guest.machine, &mut report, Duration::from_secs(options.timeout() + 30))?;
    if options.verbose {
        eprint!("the guest's console:\n{}", guest.machine.console());
    }
    if matches!(end, End::Gone(_)) {
        snapshots::bring_back(guest.machine.finish()?, arguments.accept)?;
    }
    report.verdicts(end, start.elapsed())
}

/// Several kernels at once, a VM each. Each report is printed whole when it is complete.
fn side_by_side(parts: &Parts, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let names: Vec<_> = parts.kernels.iter().map(|kernel| kernel.name.as_str()).collect();
    eprintln!("booting {} kernels side by side: {}", names.len(), names.join(", "));
    let start = Instant::now();
    let results = thread::scope(|scope| {
        let runs: Vec<_> = parts
            .kernels
            .iter()
            .map(|kernel| {
                scope.spawn(move || {
                    let mut told = Vec::new();
                    let result = run(parts, kernel, arguments, &mut told);
                    let mut out = stdout().lock();
                    let _ = writeln!(
                        out,
                        "\n=== {} ===\n{}",
                        kernel.name,
                        String::from_utf8_lossy(&told)
                    );
                    if let Err(error) = &result {
                        let _ = writeln!(out, "error: {error:#}");
                    }
                    result.map(|verdicts| verdicts.outcome())
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join()).collect::<Vec<_>>()
    });

    println!("\n=== all ===");
    let mut outcome = Outcome::Good;
    let mut cannot_tell = Vec::new();
    for (kernel, result) in parts.kernels.iter().zip(results) {
        let result = result.unwrap_or_else(|_| Err(anyhow!("the thread that ran it panicked")));
        let word = match &result {
            Ok(Outcome::Good) => "ok",
            Ok(Outcome::Bad) => "FAILED",
            Err(_) => "the rig could not tell",
        };
        println!(
            "kernel {:<8} {word}{}",
            kernel.name,
            if kernel.gates { "" } else { " (does not gate)" }
        );
        match result {
            _ if !kernel.gates => {}
            Ok(Outcome::Good) => {}
            Ok(Outcome::Bad) => outcome = Outcome::Bad,
            Err(error) => cannot_tell.push(error.context(format!("kernel {}", kernel.name))),
        }
    }
    println!("in {:.1} s", start.elapsed().as_secs_f64());
    match cannot_tell.pop() {
        Some(error) => Err(error),
        None => Ok(outcome),
    }
}

/// Hands all that the guest tells to the report. Silence for longer than `patience` ends it.
pub fn listen(
    machine: &mut Machine,
    report: &mut Report<impl Write>,
    patience: Duration,
) -> anyhow::Result<End> {
    loop {
        match machine.next(patience) {
            Ok(Heard::Record(record)) => report.take(record)?,
            Ok(Heard::End) => {
                return Ok(match machine.stopped() {
                    Ok(()) => End::Gone(machine.console_tail()),
                    Err(error) => End::Lost(error),
                });
            }
            Ok(Heard::Silence) => {
                return Ok(End::Gone(format!("(it fell silent)\n{}", machine.console_tail())));
            }
            Err(error) => return Ok(End::Lost(error)),
        }
    }
}

/// The tests that the filters select. The guest's test program is a static executable: it lists itself
/// here as well.
pub fn chosen(
    sh: &Shell,
    programs: &Programs,
    arguments: &Arguments,
) -> anyhow::Result<Vec<String>> {
    let tests = &programs.tests;
    let listed = cmd!(sh, "{tests} {LIST...}").quiet().read()?;
    Ok(selected(&listed, &arguments.filters, arguments.exact))
}

/// What the selected tests run that is not the kit's own. Only they need it to be installed.
pub fn foreign_programs(
    sh: &Shell,
    programs: &Programs,
    arguments: &Arguments,
) -> anyhow::Result<Vec<PathBuf>> {
    let tests = chosen(sh, programs, arguments)?;
    let needed =
        FOREIGN.iter().filter(|(step, ..)| tests.iter().any(|test| test.starts_with(step)));
    needed.map(|(_, program, package)| provide(sh, program, package)).collect()
}

fn list(sh: &Shell, arguments: &Arguments) -> anyhow::Result<Outcome> {
    let programs =
        vm::guest::build(sh, &arguments.vm.workspace, Tests::for_suite(arguments.suite))?;
    for name in chosen(sh, &programs, arguments)? {
        println!("{name}");
    }
    Ok(Outcome::Good)
}

fn shell(sh: &Shell, options: &Options) -> anyhow::Result<Outcome> {
    let mut parts = vm::prepare(sh, options, Tests::OfTheSteps)?;
    parts.programs.add(sh, &vm::download::busybox(sh)?)?;
    let kernel = vm::only_kernel(&parts)?;
    let mut guest = vm::boot(sh, &parts, kernel, options, Work::Shell)?;
    // However long the user stays.
    while let Heard::Record(_) = guest.machine.next(Duration::from_secs(7 * 24 * 3600))? {}
    Ok(Outcome::Good)
}
