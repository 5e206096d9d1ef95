//! What a program of the host's needs, to run in a guest too.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

/// How a directory of libraries is found that is not among the usual ones.
const CACHE: &str = "/etc/ld.so.cache";

/// The files that a dynamic program needs to start: its libraries, and what loads them (ldd(1)). It looks
/// for them at the paths that they have here. A static program needs none.
///
/// # Errors
///
/// One of its libraries is not on this machine.
pub fn libraries_of(sh: &Shell, program: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for line in ldd(sh, &[program])?.lines() {
        files.extend(library(line).with_context(|| format!("cannot pack {}", program.display()))?);
    }
    if !files.is_empty() && Path::new(CACHE).exists() {
        files.push(CACHE.into());
    }
    Ok(files)
}

/// The same for many at once, as far as it is here: some may be of no use on this machine either.
///
/// # Errors
///
/// ldd(1) is missing.
pub fn libraries_of_all(sh: &Shell, programs: &[impl AsRef<Path>]) -> anyhow::Result<Vec<PathBuf>> {
    if programs.is_empty() {
        return Ok(Vec::new());
    }
    Ok(ldd(sh, programs)?.lines().filter_map(|line| library(line).ok().flatten()).collect())
}

fn ldd(sh: &Shell, programs: &[impl AsRef<Path>]) -> anyhow::Result<String> {
    let programs = programs.iter().map(AsRef::as_ref);
    // For a static program it fails, or says so; either way there is no path in what it says.
    let told = cmd!(sh, "ldd {programs...}").quiet().ignore_status().ignore_stderr().read();
    told.context("cannot start ldd. Install it: apt-get install libc-bin")
}

/// `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)`, or `/lib64/ld-linux-x86-64.so.2 (0x…)`. What the
/// kernel brings is no file: `linux-vdso.so.1 (0x…)`.
fn library(line: &str) -> anyhow::Result<Option<PathBuf>> {
    let line = line.trim();
    if line.ends_with("=> not found") {
        bail!("one of its libraries is not here: {line}");
    }
    let path = line.split_once(" => ").map_or(line, |(_, path)| path);
    let path = path.rsplit_once(" (").map(|(path, _)| path);
    Ok(path.filter(|path| path.starts_with('/')).map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_ldd_is_a_file_or_none() {
        let file = |line| library(line).unwrap().map(|path| path.display().to_string());
        assert_eq!(file("\tlinux-vdso.so.1 (0x00007fbeca9e9000)"), None);
        assert_eq!(
            file("\tlibc.so.6 => /lib/a b/libc.so.6 (0x7f)"),
            Some("/lib/a b/libc.so.6".into())
        );
        assert_eq!(file("\t/lib64/ld.so.2 (0x7f)"), Some("/lib64/ld.so.2".into()));
        assert_eq!(file("\tstatically linked"), None);
        assert!(library("\tlibgone.so.1 => not found").is_err());
    }

    #[test]
    fn a_dynamic_program_comes_with_what_loads_it() {
        let sh = Shell::new().unwrap();
        // This very program.
        let files = libraries_of(&sh, &std::env::current_exe().unwrap()).unwrap();
        let names: Vec<_> = files.iter().map(|path| path.to_string_lossy()).collect();
        assert!(names.iter().any(|name| name.contains("/ld-linux")), "{names:?}");
        assert!(names.iter().any(|name| name.contains("/libc.so")), "{names:?}");
        assert!(files.iter().all(|path| path.is_file()), "{names:?}");
    }

    #[test]
    fn what_is_no_dynamic_program_needs_nothing() {
        let sh = Shell::new().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(libraries_of(&sh, &script).unwrap().is_empty());
    }
}
