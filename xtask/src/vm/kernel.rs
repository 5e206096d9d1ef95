//! Which kernel: a series of vm/kernels.toml, a path, or this machine's own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::steps::workspace_root;
use crate::vm::download::{SUMS, download, mirror};

/// The series that is booted unless another is asked for.
pub const DEFAULT: &str = "6.12";

/// A kernel to boot.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// What the user calls it: a series, or a path.
    pub name: String,
    /// Does a failure on it fail the run?
    pub gates: bool,
    /// Its vmlinuz.
    pub image: PathBuf,
    /// Its directory of modules, if it has one: `/lib/modules/RELEASE` or its like.
    pub modules: Option<PathBuf>,
    /// Where it lies in the cache, with checksums of its files.
    pub cached: Option<PathBuf>,
}

/// vm/kernels.toml
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    kernel: Vec<Packaged>,
}

/// A series, and the package that brings it.
#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub struct Packaged {
    /// `6.12`, or `newest`.
    pub series: String,
    /// Debian's suite that has it.
    pub suite: String,
    /// The package there that depends on the newest of the series.
    pub package: String,
    /// Does a failure on it fail the run?
    pub gates: bool,
}

/// The kernels that `wanted` names: a series of vm/kernels.toml, `all` of them, or the path of a
/// vmlinuz. One that does not gate, and is not to be had, is told of and left out of `all`.
pub fn choose(sh: &Shell, wanted: &str, modules: Option<&Path>) -> anyhow::Result<Vec<Kernel>> {
    let matrix = matrix()?;
    let from_path = !matrix.iter().any(|k| wanted == "all" || k.series == wanted);
    if from_path {
        return Ok(vec![from_files(wanted, modules, &matrix)?]);
    }
    ensure!(modules.is_none(), "--modules goes with the path of a kernel, not with {wanted}");
    let mut kernels = Vec::new();
    for packaged in &matrix {
        if wanted != "all" && packaged.series != wanted {
            continue;
        }
        match packaged_kernel(sh, packaged) {
            Ok(kernel) => kernels.push(kernel),
            Err(error) if wanted == "all" && !packaged.gates => {
                eprintln!("kernel {} is not to be had, and not run: {error:#}", packaged.series);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(kernels)
}

/// The kernels of vm/kernels.toml.
pub fn matrix() -> anyhow::Result<Vec<Packaged>> {
    let path = workspace_root().join("vm/kernels.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let matrix: Matrix =
        toml::from_str(&text).with_context(|| format!("cannot parse {}", path.display()))?;
    Ok(matrix.kernel)
}

fn from_files(wanted: &str, modules: Option<&Path>, matrix: &[Packaged]) -> anyhow::Result<Kernel> {
    let image = PathBuf::from(wanted);
    let series: Vec<_> = matrix.iter().map(|k| k.series.as_str()).collect();
    ensure!(
        image.is_file(),
        "there is no kernel {wanted}: it is neither a file nor a series of vm/kernels.toml.\n\
         Give one of {}, all, or host; or the path of a vmlinuz:\n\
         --kernel /boot/vmlinuz-RELEASE --modules /lib/modules/RELEASE",
        series.join(", ")
    );
    if let Some(dir) = modules {
        ensure!(dir.is_dir(), "--modules: {} is not a directory", dir.display());
    }
    let modules = modules.map(Path::to_owned);
    Ok(Kernel { name: wanted.to_owned(), gates: true, image, modules, cached: None })
}

/// From the cache, else from the distribution, else this machine's own.
fn packaged_kernel(sh: &Shell, packaged: &Packaged) -> anyhow::Result<Kernel> {
    let dir = cached(&packaged.series)?;
    if !dir.exists() {
        match mirror(sh) {
            Some(mirror) => download(sh, packaged, &mirror, &dir)
                .with_context(|| format!("cannot fetch kernel {} (with apt)", packaged.series))?,
            None => return own_kernel(sh, packaged),
        }
    }
    let (image, modules) = unpacked(&dir).with_context(|| damaged(&dir))?;
    let Packaged { series, gates, .. } = packaged.clone();
    Ok(Kernel { name: series, gates, image, modules: Some(modules), cached: Some(dir) })
}

fn damaged(dir: &Path) -> String {
    format!(
        "the cached kernel is damaged. Remove it, and it is fetched again: rm -r {}",
        dir.display()
    )
}

/// Where the kernel of this series is cached, if it is.
pub fn cached(series: &str) -> anyhow::Result<PathBuf> {
    Ok(cache_dir()?.join("kernels").join(series))
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
fn own_kernel(sh: &Shell, packaged: &Packaged) -> anyhow::Result<Kernel> {
    let series = &packaged.series;
    ensure!(series == DEFAULT, "there is no apt with a Debian mirror, which would bring {series}");
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
    Ok(Kernel { name: release, gates: true, image, modules: Some(modules), cached: None })
}

impl Kernel {
    /// Holds the files that will be booted against the checksums that were taken when the kernel was
    /// fetched. A kernel from elsewhere has none.
    pub fn verify(&self, sh: &Shell, used: &[PathBuf]) -> anyhow::Result<()> {
        let Some(dir) = &self.cached else { return Ok(()) };
        let sums = fs::read_to_string(dir.join(SUMS)).with_context(|| damaged(dir))?;
        let is_used = |line: &&str| {
            let file = line.split_once("  ").map(|(_, file)| dir.join(file));
            file.is_some_and(|file| file == self.image || used.contains(&file))
        };
        let lines: Vec<_> = sums.lines().filter(is_used).collect();
        ensure!(lines.len() == used.len() + 1, "{}: a file has no checksum", damaged(dir));
        let _there = sh.push_dir(dir);
        cmd!(sh, "sha256sum --check --strict --quiet -")
            .stdin(lines.join("\n") + "\n")
            .quiet()
            .ignore_stderr()
            .run()
            .with_context(|| damaged(dir))
    }
}

/// What a directory of unpacked packages holds: the path of one vmlinuz, and of its modules.
pub fn unpacked(dir: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let modules = ["lib/modules", "usr/lib/modules"].iter().find_map(|m| only_entry(&dir.join(m)));
    let modules = modules.with_context(|| format!("no modules below {}", dir.display()))?;
    let release = modules.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let images = [dir.join("boot").join(format!("vmlinuz-{release}")), modules.join("vmlinuz")];
    match images.into_iter().find(|image| image.is_file()) {
        Some(image) => Ok((image, modules)),
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
        assert!(matrix().unwrap().iter().any(|k| k.series == DEFAULT));
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
        assert!(unpacked(&dir.path().join("one")).unwrap().0.ends_with("boot/vmlinuz-6.12.9"));
        assert!(unpacked(&dir.path().join("split")).unwrap().0.ends_with("7.2.1/vmlinuz"));
        assert!(unpacked(dir.path()).is_err());
    }
}
