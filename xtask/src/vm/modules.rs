//! The kernel modules that a guest needs, in the order in which they load.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use xshell::{Shell, cmd};

use crate::vm::kernel::Kernel;

/// What the guest cannot do without, where the kernel has it as a module and not built in.
const WANTED: [&str; 5] = ["virtio_pci", "virtio_console", "fuse", "loop", "ext4"];

/// A module, ready to be packed.
pub struct Module {
    /// Its path in the initramfs.
    pub path: String,
    /// The module itself, uncompressed.
    pub content: Vec<u8>,
    /// The file that it was read from.
    pub file: PathBuf,
}

/// The modules for a guest with this kernel, each after those that it depends on.
pub fn needed(sh: &Shell, kernel: &Kernel) -> anyhow::Result<Vec<Module>> {
    // A kernel without a directory of modules is taken to have all built in.
    let Some(dir) = &kernel.modules else { return Ok(Vec::new()) };
    let mut files = HashMap::new();
    collect(dir, &mut files)?;
    // Debian's packages from 7.2 on come without that list: then what is no file is taken to be built
    // in, and a guest that lacks it says so on its console.
    let builtin = fs::read_to_string(dir.join("modules.builtin")).ok();
    let is_builtin = |name: &str| {
        let lists_it = |list: &String| list.lines().any(|line| name_of(Path::new(line)) == name);
        builtin.as_ref().is_none_or(lists_it)
    };

    let mut loaded = Vec::new();
    let mut order = Vec::new();
    for name in WANTED {
        if files.contains_key(name) {
            add(sh, name, &files, &mut loaded, &mut order)?;
        } else if !is_builtin(name) {
            bail!(
                "{} has neither a file nor an entry in modules.builtin for the module {name}.\n\
                 Give the directory of modules that belongs to the kernel: --modules DIR",
                dir.display()
            );
        }
    }
    Ok(order)
}

fn add(
    sh: &Shell,
    name: &str,
    files: &HashMap<String, PathBuf>,
    loaded: &mut Vec<String>,
    order: &mut Vec<Module>,
) -> anyhow::Result<()> {
    // What is not a file is built in.
    let Some(file) = files.get(name) else { return Ok(()) };
    if loaded.iter().any(|other| other == name) {
        return Ok(());
    }
    loaded.push(name.to_owned());
    let content = uncompressed(sh, file)?;
    for dependency in depends(&content) {
        add(sh, &dependency, files, loaded, order)?;
    }
    order.push(Module { path: format!("/modules/{name}.ko"), content, file: file.clone() });
    Ok(())
}

fn collect(dir: &Path, files: &mut HashMap<String, PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let entry = entry?;
        // The links `build` and `source` lead out of the directory.
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else if entry.file_name().to_string_lossy().contains(".ko") {
            files.insert(name_of(&entry.path()), entry.path());
        }
    }
    Ok(())
}

/// `kernel/fs/fuse/fuse.ko.xz` is `fuse`; a `-` in a file's name is `_` in the module's.
fn name_of(path: &Path) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    file.split('.').next().unwrap_or_default().replace('-', "_")
}

fn uncompressed(sh: &Shell, file: &Path) -> anyhow::Result<Vec<u8>> {
    let (program, package) = match file.extension().and_then(|e| e.to_str()) {
        Some("xz") => ("xz", "xz-utils"),
        Some("zst") => ("zstd", "zstd"),
        Some("gz") => ("gzip", "gzip"),
        _ => return fs::read(file).with_context(|| format!("cannot read {}", file.display())),
    };
    let output = cmd!(sh, "{program} --decompress --stdout {file}").quiet().output();
    let output = output.with_context(|| {
        format!(
            "cannot unpack the module {}. Is {program} there? sudo apt-get install {package}",
            file.display()
        )
    })?;
    Ok(output.stdout)
}

/// The modules that must be loaded before: a module's `.modinfo` holds `depends=a,b`.
fn depends(module: &[u8]) -> Vec<String> {
    let key = b"\0depends=";
    let Some(at) = module.windows(key.len()).position(|window| window == key) else {
        return Vec::new();
    };
    let value: Vec<u8> = module[at + key.len()..].iter().copied().take_while(|b| *b != 0).collect();
    let value = String::from_utf8_lossy(&value).replace('-', "_");
    value.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(depends: &str) -> Vec<u8> {
        format!("\x7fELF…\0license=GPL\0depends={depends}\0retpoline=Y\0").into_bytes()
    }

    fn kernel(modules: &Path) -> Kernel {
        let modules = Some(modules.to_owned());
        Kernel { name: "test".into(), gates: true, image: "vmlinuz".into(), modules, cached: None }
    }

    #[test]
    fn a_module_comes_after_what_it_depends_on() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| fs::write(dir.path().join(name), content).unwrap();
        write("virtio.ko", &module(""));
        write("virtio_ring.ko", &module(""));
        write("virtio-pci.ko", &module("virtio,virtio_ring"));
        write("virtio_console.ko", &module("virtio-ring,virtio"));
        write(
            "modules.builtin",
            b"kernel/fs/fuse/fuse.ko\nkernel/drivers/block/loop.ko\nfs/ext4/ext4.ko\n",
        );
        let kernel = kernel(dir.path());
        let order: Vec<_> =
            needed(&Shell::new().unwrap(), &kernel).unwrap().into_iter().map(|m| m.path).collect();
        let name = |n: &str| format!("/modules/{n}.ko");
        assert_eq!(order, ["virtio", "virtio_ring", "virtio_pci", "virtio_console"].map(name));
    }

    #[test]
    fn a_kernel_without_fuse_is_told() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("modules.builtin"), "virtio_pci.ko\nvirtio_console.ko\n")
            .unwrap();
        let kernel = kernel(dir.path());
        let error = needed(&Shell::new().unwrap(), &kernel).err().unwrap().to_string();
        assert!(error.contains("for the module fuse."), "{error}");
    }
}
