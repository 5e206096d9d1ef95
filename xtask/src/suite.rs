//! `cargo xtask vm-test --suite NAME`: judges that are not part of every run.
//!
//! pjdfstest and fsx, which nobody here wrote, come from the registry, and are built once.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

use crate::package::provide;
use crate::steps::workspace_root;
use crate::vm::guest::{Programs, TARGET, statically};
use crate::vm_test;

/// What can be asked for.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Some four hundred questions about POSIX (the crate pjdfstest).
    Pjdfstest,
    /// Random reads, writes, maps and truncations of one file (the crate fsx).
    Fsx,
    /// Many processes at random at the same few names (tests/stress.rs).
    Stress,
    /// Files created, looked at and removed, a million times here, less often in a VM: is anything left?
    Leaks,
    /// A gigabyte here, 16 MiB in a VM, along each way through steps 11 and 12.
    Bulk,
    /// git, cargo, sqlite3 and tar at their daily work (--host: a guest has none of them).
    Real,
}

/// A program from the registry.
#[derive(Clone, Copy)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

impl Suite {
    /// The module of its tests.
    fn name(self) -> &'static str {
        match self {
            Suite::Pjdfstest => "pjdfstest",
            Suite::Fsx => "fsx",
            Suite::Stress => "stress",
            Suite::Leaks => "leaks",
            Suite::Bulk => "bulk",
            Suite::Real => "real",
        }
    }

    /// Its tests among all: those of the module, and on the servers that were named.
    pub fn filters(self, servers: &[String]) -> Vec<String> {
        let module = format!("{}::", self.name());
        match servers {
            [] => vec![module],
            _ => servers.iter().map(|server| format!("{module}on_{server}")).collect(),
        }
    }

    /// Each test's deadline, in seconds, where none is given: a few times what they take.
    pub fn timeout(self) -> u64 {
        900
    }

    /// What it needs that is not the kit's own.
    fn tool(self) -> Option<Tool> {
        match self {
            Suite::Pjdfstest => Some(Tool { name: "pjdfstest", version: "0.2.2" }),
            Suite::Fsx => Some(Tool { name: "fsx", version: "0.3.2" }),
            Suite::Stress | Suite::Leaks | Suite::Bulk | Suite::Real => None,
        }
    }

    /// Adds the suite's programs to those of the kit, building or installing what is missing.
    pub fn add_programs(self, sh: &Shell, programs: &mut Programs) -> anyhow::Result<()> {
        let Some(tool) = self.tool() else { return Ok(()) };
        let built = build(sh, &tool)?;
        // Beside the others: there it is found, in the guest as on the host.
        let there = programs.dir().join(tool.name);
        fs::copy(&built, &there)
            .with_context(|| format!("cannot copy {} to {}", built.display(), there.display()))?;
        programs.add(sh, &there)?;
        Ok(())
    }
}

/// The program from the registry: built before, or built now.
fn build(sh: &Shell, Tool { name, version }: &Tool) -> anyhow::Result<PathBuf> {
    let dir = workspace_root().join("target/suites").join(format!("{name}-{version}"));
    let program = dir.join("bin").join(name);
    if program.exists() {
        return Ok(program);
    }
    eprintln!("building {name} {version} into {}, once: half a minute or so", dir.display());
    let _static = statically(sh);
    let _target = sh.push_env("CARGO_TARGET_DIR", dir.join("build"));
    cmd!(
        sh,
        "cargo install {name} --version ={version} --locked --force --target {TARGET} --root {dir}"
    )
    .run()
    .with_context(|| format!("cannot build {name}. Is the network there? Then try again"))?;
    sh.remove_path(dir.join("build"))?;
    Ok(program)
}

/// Makes of a request for a suite one for its tests.
///
/// # Errors
///
/// `real` in a VM, or without the programs that it is about.
pub fn select(sh: &Shell, arguments: &mut vm_test::Arguments, suite: Suite) -> anyhow::Result<()> {
    if suite == Suite::Real {
        ensure!(
            arguments.vm.kernel == "host",
            "the suite real runs git, cargo, sqlite3 and tar, and a guest has none of them.\n\
             On this machine's own kernel: cargo xtask vm-test --host --suite real"
        );
        for program in ["git", "sqlite3", "tar"] {
            provide(sh, program, program)?;
        }
    }
    arguments.filters = suite.filters(&arguments.filters);
    arguments.vm.timeout.get_or_insert(suite.timeout());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_a_module_of_tests_and_a_server_one_of_them() {
        assert_eq!(Suite::Fsx.filters(&[]), ["fsx::"]);
        let servers = ["memfs".to_owned(), "mirror".to_owned()];
        let on_both = ["fsx::on_memfs", "fsx::on_mirror"];
        assert_eq!(Suite::Fsx.filters(&servers), on_both);
    }
}
