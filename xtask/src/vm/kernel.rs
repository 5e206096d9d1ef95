//! Which kernel, and where it comes from: a path, the cache, or the distribution's packages.
//!
//! Packages are fetched by apt itself, which checks signatures and hashes, but with directories of
//! our own instead of the system's: nothing is installed and nobody need be root.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::steps::workspace_root;

/// The series that is booted unless another is asked for.
pub const DEFAULT: &str = "6.12";

/// A kernel to boot.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// Its vmlinuz.
    pub image: PathBuf,
    /// Its directory of modules, if it has one: `/lib/modules/RELEASE` or its like.
    pub modules: Option<PathBuf>,
}

/// vm/kernels.toml
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    kernel: Vec<Packaged>,
}

/// A series, and the package that brings it.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Packaged {
    series: String,
    suite: String,
    package: String,
}

/// The kernel that `wanted` names: a series of vm/kernels.toml, or the path of a vmlinuz.
pub fn choose(sh: &Shell, wanted: &str, modules: Option<&Path>) -> anyhow::Result<Kernel> {
    let matrix = matrix()?;
    if let Some(packaged) = matrix.kernel.iter().find(|k| k.series == wanted) {
        ensure!(
            modules.is_none(),
            "--modules goes with the path of a kernel, not with the series {wanted}"
        );
        return packaged_kernel(sh, packaged);
    }
    let image = PathBuf::from(wanted);
    let series: Vec<_> = matrix.kernel.iter().map(|k| k.series.as_str()).collect();
    ensure!(
        image.is_file(),
        "there is no kernel {wanted}: it is neither a file nor a series of vm/kernels.toml ({}).\n\
         Give one of these, or the path of a vmlinuz: --kernel /boot/vmlinuz-RELEASE --modules /lib/modules/RELEASE",
        series.join(", ")
    );
    if let Some(dir) = modules {
        ensure!(dir.is_dir(), "--modules: {} is not a directory", dir.display());
    }
    Ok(Kernel { image, modules: modules.map(Path::to_owned) })
}

fn matrix() -> anyhow::Result<Matrix> {
    let path = workspace_root().join("vm/kernels.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot parse {}", path.display()))
}

/// From the cache, else from the distribution, else this machine's own.
fn packaged_kernel(sh: &Shell, packaged: &Packaged) -> anyhow::Result<Kernel> {
    let dir = cache_dir()?.join("kernels").join(&packaged.series);
    if !dir.exists() {
        match mirror(sh) {
            Some(mirror) => download(sh, packaged, &mirror, &dir)
                .with_context(|| format!("cannot fetch kernel {} (with apt)", packaged.series))?,
            None => return own_kernel(sh, &packaged.series),
        }
    }
    unpacked(&dir).with_context(|| {
        format!("the cached kernel is damaged. Remove it and try again: rm -r {}", dir.display())
    })
}

/// `$XDG_CACHE_HOME/fuse-by-hand`, so that all clones share what was downloaded once.
pub fn cache_dir() -> anyhow::Result<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    Ok(cache
        .context("neither XDG_CACHE_HOME nor HOME is set: where may downloads be kept?")?
        .join("fuse-by-hand"))
}

/// Where no apt brings a Debian kernel: the one that runs here, with its modules.
fn own_kernel(sh: &Shell, series: &str) -> anyhow::Result<Kernel> {
    let release = cmd!(sh, "uname -r").quiet().read()?;
    let image = PathBuf::from(format!("/boot/vmlinuz-{release}"));
    let modules = PathBuf::from(format!("/lib/modules/{release}"));
    ensure!(
        fs::File::open(&image).is_ok() && modules.is_dir(),
        "no kernel to boot: no apt with a Debian mirror could bring {series}, and this machine's own \
         {} or {} cannot be read.\n\
         Give a kernel: --kernel PATH_OF_VMLINUZ --modules DIRECTORY_OF_ITS_MODULES",
        image.display(),
        modules.display()
    );
    eprintln!("no apt with a Debian mirror here: booting this machine's own kernel {release}");
    Ok(Kernel { image, modules: Some(modules) })
}

/// The Debian mirror that this machine is configured with.
fn mirror(sh: &Shell) -> Option<String> {
    let targets = cmd!(sh, "apt-get indextargets --format '$(LABEL) $(SITE)'")
        .quiet()
        .ignore_stderr()
        .read()
        .ok()?;
    targets.lines().find_map(|line| line.strip_prefix("Debian ")).map(str::to_owned)
}

/// Fetches the package, and those of its dependencies that hold parts of the kernel, into `dir`.
fn download(sh: &Shell, packaged: &Packaged, mirror: &str, dir: &Path) -> anyhow::Result<()> {
    let Packaged { series, suite, package } = packaged;
    eprintln!("fetching kernel {series} from Debian's suite {suite}, once:");
    let parent = dir.parent().context("the cache has no parent directory")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let work = tempfile::tempdir_in(parent).context("cannot make a directory for the download")?;
    let _apt = sh.push_env("APT_CONFIG", private_apt(work.path(), mirror, suite)?);
    let _there = sh.push_dir(work.path());

    cmd!(sh, "apt-get --quiet=2 update").run()?;
    let mut wanted = vec![package.clone()];
    let mut fetched: Vec<String> = Vec::new();
    while let Some(package) = wanted.pop() {
        let depends = cmd!(sh, "apt-cache depends --important {package}").quiet().read()?;
        let parts = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        let parts = parts.filter(|name| {
            ["linux-image-", "linux-binary-", "linux-modules-"]
                .iter()
                .any(|part| name.starts_with(part))
        });
        wanted.extend(parts.filter(|name| !fetched.iter().any(|f| f == name)).map(str::to_owned));
        cmd!(sh, "apt-get --quiet=2 download {package}").run()?;
        fetched.push(package);
    }
    for package in
        sh.read_dir(work.path())?.iter().filter(|p| p.extension().is_some_and(|e| e == "deb"))
    {
        cmd!(sh, "dpkg-deb --extract {package} kernel").quiet().run()?;
    }
    let kernel = work.path().join("kernel");
    unpacked(&kernel).context("the packages hold no kernel")?;
    // A rename is all or nothing: whoever finds the directory finds a whole kernel.
    fs::rename(&kernel, dir).with_context(|| format!("cannot move the kernel to {}", dir.display()))
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

/// The kernel in a directory of unpacked packages: one vmlinuz, one directory of modules.
fn unpacked(dir: &Path) -> anyhow::Result<Kernel> {
    let modules = ["lib/modules", "usr/lib/modules"].iter().find_map(|m| only_entry(&dir.join(m)));
    let modules = modules.with_context(|| format!("no modules below {}", dir.display()))?;
    let release = modules.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let images = [dir.join("boot").join(format!("vmlinuz-{release}")), modules.join("vmlinuz")];
    match images.into_iter().find(|image| image.is_file()) {
        Some(image) => Ok(Kernel { image, modules: Some(modules) }),
        None => bail!("no vmlinuz of {release} below {}", dir.display()),
    }
}

fn only_entry(dir: &Path) -> Option<PathBuf> {
    fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_names_the_default() {
        assert!(matrix().unwrap().kernel.iter().any(|k| k.series == DEFAULT));
    }

    #[test]
    fn a_kernel_that_is_not_there_is_told_with_what_to_give() {
        let sh = Shell::new().unwrap();
        let error = choose(&sh, "/no/such/vmlinuz", None).unwrap_err().to_string();
        assert!(error.contains("/no/such/vmlinuz") && error.contains("--kernel"), "{error}");
    }

    #[test]
    fn both_shapes_of_package_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        make("one/boot/vmlinuz-6.12.9");
        make("one/lib/modules/6.12.9/modules.builtin");
        make("split/usr/lib/modules/7.2.1/vmlinuz");
        assert!(unpacked(&dir.path().join("one")).unwrap().image.ends_with("boot/vmlinuz-6.12.9"));
        assert!(unpacked(&dir.path().join("split")).unwrap().image.ends_with("7.2.1/vmlinuz"));
        assert!(unpacked(dir.path()).is_err());
    }
}
