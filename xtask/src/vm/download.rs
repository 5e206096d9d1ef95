//! Kernels from Debian's packages, into the cache.
//!
//! Packages are fetched by apt itself, which checks signatures and hashes, but with directories of
//! our own instead of the system's: nothing is installed and nobody need be root.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

use crate::vm::kernel::{Packaged, cache_dir, unpacked};

/// In a cached kernel's directory: the SHA-256 of each of its files, as sha256sum(1) writes them.
pub const SUMS: &str = "SHA256SUMS";

/// The Debian mirror that this machine is configured with.
pub fn mirror(sh: &Shell) -> Option<String> {
    let targets = cmd!(sh, "apt-get indextargets --format '$(LABEL) $(SITE)'")
        .quiet()
        .ignore_stderr()
        .read()
        .ok()?;
    targets.lines().find_map(|line| line.strip_prefix("Debian ")).map(str::to_owned)
}

/// Fetches the kernel of a series into `dir`: its package, and those of its dependencies that hold
/// parts of the kernel.
pub fn download(sh: &Shell, packaged: &Packaged, mirror: &str, dir: &Path) -> anyhow::Result<()> {
    let Packaged { series, suite, package, .. } = packaged;
    eprintln!("fetching kernel {series} from Debian's suite {suite}, once:");
    let parts = ["linux-image-", "linux-binary-", "linux-modules-"];
    fetch(sh, mirror, suite, package, &parts, dir, |unpacked_here| {
        unpacked(unpacked_here).context("the packages hold no kernel")?;
        let _kernel = sh.push_dir(unpacked_here);
        let sums = cmd!(sh, "find . -type f -printf %P\\0").quiet().read()?;
        let files: Vec<_> = sums.split('\0').filter(|file| !file.is_empty()).collect();
        let sums = cmd!(sh, "sha256sum {files...}").quiet().read()?;
        fs::write(unpacked_here.join(SUMS), sums + "\n")
            .context("cannot write the kernel's checksums")
    })
}

/// A static busybox, for a shell in the guest; fetched once.
pub fn busybox(sh: &Shell) -> anyhow::Result<PathBuf> {
    let dir = cache_dir()?.join("busybox");
    if !dir.exists() {
        let mirror =
            mirror(sh).context("no apt with a Debian mirror here, which would bring busybox")?;
        eprintln!("fetching busybox, the guest's shell, once:");
        fetch(sh, &mirror, "bookworm", "busybox-static", &[], &dir, |_| Ok(()))?;
    }
    let path = ["bin/busybox", "usr/bin/busybox"].map(|file| dir.join(file));
    path.into_iter()
        .find(|path| path.is_file())
        .with_context(|| format!("no busybox in {}", dir.display()))
}

/// Fetches `package`, with its dependencies whose names begin with one of `parts`, and unpacks them
/// into `dir`. `finish` may look at them, and refuse them, before they are put there.
fn fetch(
    sh: &Shell,
    mirror: &str,
    suite: &str,
    package: &str,
    parts: &[&str],
    dir: &Path,
    finish: impl Fn(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let parent = dir.parent().context("the cache has no parent directory")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let work = tempfile::tempdir_in(parent).context("cannot make a directory for the download")?;
    let _apt = sh.push_env("APT_CONFIG", private_apt(work.path(), mirror, suite)?);
    let _there = sh.push_dir(work.path());

    cmd!(sh, "apt-get --quiet=2 update").run()?;
    let mut wanted = vec![package.to_owned()];
    let mut fetched: Vec<String> = Vec::new();
    while let Some(package) = wanted.pop() {
        let depends = cmd!(sh, "apt-cache depends --important {package}").quiet().read()?;
        let depends = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        let depends = depends.filter(|name| parts.iter().any(|part| name.starts_with(part)));
        wanted.extend(depends.filter(|name| !fetched.iter().any(|f| f == name)).map(str::to_owned));
        cmd!(sh, "apt-get --quiet=2 download {package}").run()?;
        fetched.push(package);
    }
    for package in
        sh.read_dir(work.path())?.iter().filter(|p| p.extension().is_some_and(|e| e == "deb"))
    {
        cmd!(sh, "dpkg-deb --extract {package} unpacked").quiet().run()?;
    }
    let unpacked = work.path().join("unpacked");
    finish(&unpacked)?;
    // A rename is all or nothing: whoever finds the directory finds all of it.
    fs::rename(&unpacked, dir).with_context(|| format!("cannot move it to {}", dir.display()))
}

/// Writes a configuration that gives apt its own lists, cache and status below `dir`, and one suite
/// of one mirror; returns its path.
fn private_apt(dir: &Path, mirror: &str, suite: &str) -> anyhow::Result<PathBuf> {
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    ensure!(
        Path::new(keys).exists(),
        "{keys} is missing, by which packages are verified. \
         Install it: sudo apt-get install debian-archive-keyring"
    );
    for name in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(dir.join(name)).with_context(|| format!("cannot make {name}"))?;
    }
    fs::write(dir.join("status"), "")?;
    fs::write(dir.join("sources.list"), format!("deb [signed-by={keys}] {mirror} {suite} main\n"))?;
    let here = dir.display();
    // The sandbox's user: as root, apt would hand the download to a user who cannot write here.
    let configuration = format!(
        "Dir::Etc::SourceList \"{here}/sources.list\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::State \"{here}\";\n\
         Dir::State::Lists \"{here}/lists\";\n\
         Dir::State::status \"{here}/status\";\n\
         Dir::Cache \"{here}/cache\";\n\
         Acquire::Languages \"none\";\n\
         APT::Sandbox::User \"root\";\n"
    );
    let path = dir.join("apt.conf");
    fs::write(&path, configuration).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
