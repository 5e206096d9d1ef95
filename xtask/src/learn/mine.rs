//! `mine/`: the learner's own copy of the staircase, a workspace of its own.
//!
//! The sources in it are the learner's, and follow the repository as far as they can. What judges them is the
//! repository's, and is brought anew before each run: a test changed there changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use xshell::Shell;

use crate::learn::exercises;
use crate::learn::update::{REFERENCE, update};
use crate::steps::{self, workspace_root};

/// What judges, at the top of the workspace.
const JUDGES: [&str; 4] = ["tests", "book/kernel.toml", "README.md", "rustfmt.toml"];
/// What judges, in a step, wherever it stands there.
const STEPS_JUDGES: [&str; 5] = ["step.toml", "tests", "tests.rs", "snapshots", "recorded"];
/// What is built, and what is only the repository's.
const NOT_COPIED: [&str; 3] = ["target", "mutants", "exercises.txt"];

/// Where a learner's workspace is by default.
pub fn dir() -> PathBuf {
    workspace_root().join("mine")
}

/// The learner's workspace.
///
/// # Errors
///
/// Nothing has been started yet.
pub fn find() -> anyhow::Result<PathBuf> {
    let mine = dir();
    if !mine.join("Cargo.toml").exists() {
        bail!("you have no copy of the steps yet. Begin with the first: cargo xtask start 01");
    }
    bring_sources(&mine)?;
    bring_manifest(&mine)?;
    bring_judges(&mine)?;
    Ok(mine)
}

/// The learner's workspace, which is made if there is none.
pub fn find_or_make() -> anyhow::Result<PathBuf> {
    let mine = dir();
    if !mine.join("Cargo.toml").exists() {
        make(&mine)?;
        eprintln!("your own copy of the steps is in {}", mine.display());
    }
    find()
}

/// Makes a workspace: a copy of the steps and of what judges them.
pub fn make(workspace: &Path) -> anyhow::Result<()> {
    let root = workspace_root();
    for path in sources(&root, "steps")? {
        for to in [workspace, &workspace.join(REFERENCE)] {
            bring(&root.join(&path), &to.join(&path))?;
        }
    }
    bring_judges(workspace)?;
    // The last: whoever finds it finds all.
    bring_manifest(workspace)
}

/// Brings the sources that have changed in the repository since they came, and says so.
fn bring_sources(mine: &Path) -> anyhow::Result<()> {
    let (sh, root) = (Shell::new()?, workspace_root());
    let mut exercises = Vec::new();
    for step in steps::all(&sh)? {
        exercises.extend(exercises::of(&step)?);
    }
    for path in sources(&root, "steps")? {
        if let Some(told) = update(&root, mine, &path, &exercises)? {
            eprintln!("{told}");
        }
    }
    Ok(())
}

/// Brings the manifest of the workspace, without what is not copied, and the versions of all crates.
fn bring_manifest(workspace: &Path) -> anyhow::Result<()> {
    let root = workspace_root();
    // Cargo takes out of the learner's what is only the repository's.
    let reference = workspace.join(REFERENCE).join("Cargo.lock");
    if fs::read(root.join("Cargo.lock")).ok() != fs::read(&reference).ok() {
        bring(&root.join("Cargo.lock"), &workspace.join("Cargo.lock"))?;
        bring(&root.join("Cargo.lock"), &reference)?;
    }
    let manifest = root.join("Cargo.toml");
    let text = read(&manifest)?;
    let mut kept = text.replace(", \"vm/init\", \"xtask\"]", "]");
    ensure!(kept != text, "{} does not list vm/init and xtask last", manifest.display());
    // What a hole leaves unused is no fault.
    kept = kept.replace(
        "[workspace.lints.rust]\n",
        "[workspace.lints.rust]\nunused = { level = \"allow\", priority = -1 }\n",
    );
    let path = workspace.join("Cargo.toml");
    if read(&path).ok().as_ref() != Some(&kept) { write(&path, kept.as_bytes()) } else { Ok(()) }
}

/// Makes a workspace whose steps are the reference's again, whatever was changed in it.
pub fn restore(workspace: &Path) -> anyhow::Result<()> {
    if !workspace.join("Cargo.toml").exists() {
        return make(workspace);
    }
    bring(&workspace_root().join("steps"), &workspace.join("steps"))?;
    bring_judges(workspace)?;
    bring_manifest(workspace)
}

/// Brings what judges as the repository has it: changed, added and removed.
pub fn bring_judges(workspace: &Path) -> anyhow::Result<()> {
    let root = workspace_root();
    for judge in JUDGES {
        bring(&root.join(judge), &workspace.join(judge))?;
    }
    bring_judges_of(&root.join("steps"), &workspace.join("steps"))
}

fn bring_judges_of(from: &Path, to: &Path) -> anyhow::Result<()> {
    for name in names(from)? {
        let (from, to) = (from.join(&name), to.join(&name));
        if STEPS_JUDGES.contains(&name.as_str()) {
            bring(&from, &to)?;
        } else if from.is_dir() && !NOT_COPIED.contains(&name.as_str()) {
            bring_judges_of(&from, &to)?;
        }
    }
    Ok(())
}

/// Makes `to` what `from` is. What is the same already keeps its time, so that nothing is built again for it.
fn bring(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.is_dir() {
        let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
        if fs::read(to).ok().as_ref() != Some(&content) {
            write(to, &content)?;
        }
        return Ok(());
    }
    let wanted = names(from)?;
    for name in names(to).unwrap_or_default() {
        if !wanted.contains(&name) && !NOT_COPIED.contains(&name.as_str()) {
            let gone = to.join(name);
            let removed =
                if gone.is_dir() { fs::remove_dir_all(&gone) } else { fs::remove_file(&gone) };
            removed.with_context(|| format!("cannot remove {}", gone.display()))?;
        }
    }
    wanted
        .iter()
        .filter(|name| !NOT_COPIED.contains(&name.as_str()))
        .try_for_each(|name| bring(&from.join(name), &to.join(name)))
}

/// The files below `path` that are the learner's, by their paths from `root`.
fn sources(root: &Path, path: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for name in names(&root.join(path))? {
        let path = format!("{path}/{name}");
        let name = name.as_str();
        if NOT_COPIED.contains(&name) || STEPS_JUDGES.contains(&name) {
            continue;
        } else if root.join(&path).is_dir() {
            found.extend(sources(root, &path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// The files of a step that are the learner's and differ from the reference's.
pub fn changed(workspace: &Path, step: &str) -> anyhow::Result<Vec<PathBuf>> {
    let root = workspace_root();
    let differs =
        |path: &String| fs::read(root.join(path)).ok() != fs::read(workspace.join(path)).ok();
    Ok(sources(&root, step)?
        .iter()
        .filter(|path| differs(path))
        .map(|path| workspace.join(path))
        .collect())
}

fn names(dir: &Path) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let mut names: Vec<_> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes a file, and makes its directory if it is not there.
pub fn write(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_the_learners_and_judges_the_repositorys() {
        let dir = tempfile::tempdir().unwrap();
        let mine = dir.path().join("mine");
        make(&mine).unwrap();
        assert!(!mine.join("xtask").exists() && !mine.join("mine").exists());
        assert_eq!(changed(&mine, "steps/02-wire").unwrap(), [""; 0].map(PathBuf::from));

        let (source, judge) = ("steps/02-wire/src/cursor.rs", "tests/step04.rs");
        fs::write(mine.join(source), "mine").unwrap();
        fs::write(mine.join(judge), "mine").unwrap();
        fs::write(mine.join("tests/more.rs"), "mine").unwrap();
        bring_judges(&mine).unwrap();
        assert_eq!(fs::read_to_string(mine.join(source)).unwrap(), "mine");
        assert_eq!(
            fs::read(mine.join(judge)).unwrap(),
            fs::read(workspace_root().join(judge)).unwrap()
        );
        assert!(!mine.join("tests/more.rs").exists());
        assert_eq!(changed(&mine, "steps/02-wire").unwrap(), [mine.join(source)]);
    }
}
