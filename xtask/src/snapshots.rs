//! insta's snapshots: to the guest and back.

use std::fs;
use std::path::Path;

use anyhow::Context;
use vm_init::{OUT_DIR, WORKSPACE_DIR};

use crate::{steps, vm};

/// insta in the guest: where the snapshots are, and where to put new ones, unless it is to `judge` only.
pub fn environment(accept: bool, judge: bool, is_in_the_matrix: bool) -> Vec<(String, String)> {
    let judge = judge || std::env::var_os("CI").is_some();
    let update = if judge && !accept { "no" } else { "new" };
    // Recordings that differ between kernels are kept for those of vm/kernels.toml.
    let recorded = is_in_the_matrix.then_some(("RECORDED_KERNEL", "1"));
    let always = [
        ("INSTA_WORKSPACE_ROOT", WORKSPACE_DIR),
        ("INSTA_PENDING_DIR", OUT_DIR),
        ("INSTA_UPDATE", update),
        // A test with several snapshots goes on after the first that differs.
        ("INSTA_FORCE_PASS", if accept { "1" } else { "0" }),
        ("RUST_BACKTRACE", "0"),
    ];
    let all = always.into_iter().chain(recorded);
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Puts the snapshots that differ (a cpio archive) beside the recorded ones, or in their place.
pub fn bring_back(archive: Vec<u8>, accept: bool) -> anyhow::Result<()> {
    if archive.is_empty() {
        return Ok(());
    }
    for (name, content) in vm::initramfs::files(&archive)? {
        match name.strip_suffix(".new").filter(|_| accept) {
            Some(recorded) => {
                write(recorded, recording(&content).as_bytes())?;
                eprintln!("recorded: {recorded}");
            }
            None => {
                write(&name, &content)?;
                eprintln!(
                    "\na snapshot differs: {name}\nlook at it, then accept it: cargo insta review, \
                     or cargo xtask vm-test --accept"
                );
            }
        }
    }
    Ok(())
}

fn write(name: &str, content: &[u8]) -> anyhow::Result<()> {
    let path = steps::workspace_root().join(name);
    let dir = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// A pending snapshot as `cargo insta accept` would store it: without the line of its assertion,
/// which would change with every edit of the test.
fn recording(pending: &[u8]) -> String {
    let text = String::from_utf8_lossy(pending);
    text.split_inclusive('\n').filter(|line| !line.starts_with("assertion_line: ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_does_not_know_its_line() {
        let pending = b"---\nsource: tests/a.rs\nassertion_line: 56\nexpression: x\n---\nbody\n";
        assert_eq!(recording(pending), "---\nsource: tests/a.rs\nexpression: x\n---\nbody\n");
    }
}
