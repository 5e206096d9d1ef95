//! The staircase, as the directory `steps/` lists it.

use std::path::PathBuf;

use anyhow::bail;
use xshell::Shell;

/// One step: `steps/04-hello` is number `04`, package and program `step04-hello`. The last is the reference,
/// whose program is called as itself: `fuse714`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// `04`
    pub number: String,
    /// `step04-hello`
    pub package: String,
}

/// The step that is no step on the way, but where it leads.
const REFERENCE: &str = "fuse714";

/// The workspace's root: cargo tells where this package is.
pub fn workspace_root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or_else(|| PathBuf::from("."), PathBuf::from)
}

/// All steps that exist, lowest first.
pub fn all(sh: &Shell) -> anyhow::Result<Vec<Step>> {
    let dir = workspace_root().join("steps");
    let mut steps: Vec<Step> = sh
        .read_dir(&dir)?
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.split_once('-'))
        .map(|(number, name)| Step {
            number: number.into(),
            package: if name == REFERENCE { name.into() } else { format!("step{number}-{name}") },
        })
        .collect();
    steps.sort();
    Ok(steps)
}

/// The step that a user means by `4`, `04`, `step04` or `step04-hello`.
pub fn find(sh: &Shell, named: &str) -> anyhow::Result<Step> {
    let steps = all(sh)?;
    match steps.iter().find(|step| step.is_called(named)) {
        Some(step) => Ok(step.clone()),
        None => {
            let known: Vec<_> = steps.iter().map(|step| step.number.as_str()).collect();
            bail!("there is no step {named:?}. Give one of: {}", known.join(" "))
        }
    }
}

impl Step {
    /// Its directory, from the workspace's root: `steps/04-hello`.
    pub fn dir(&self) -> String {
        let name = self
            .package
            .strip_prefix("step")
            .map_or_else(|| format!("{}-{}", self.number, self.package), str::to_owned);
        format!("steps/{name}")
    }

    /// What cargo builds of it: the reference has its program in a package of its own.
    pub fn packages(&self) -> Vec<String> {
        let program = (self.package == REFERENCE).then(|| format!("{REFERENCE}-cli"));
        std::iter::once(self.package.clone()).chain(program).collect()
    }

    /// Is a test of this name one of its own? `step05::…` through a kernel; without one, by the directory of
    /// its package: `05-server::…`.
    pub fn owns(&self, test: &str) -> bool {
        let module = test.split("::").next().unwrap_or_default();
        let dir = self.dir();
        module == format!("step{}", self.number)
            || dir.ends_with(&format!("/{module}"))
            || (self.package == REFERENCE && module == "cli")
    }

    /// Is a test of its own one that needs a kernel?
    pub fn needs_a_kernel(&self, test: &str) -> bool {
        test.starts_with(&format!("step{}::", self.number))
    }

    /// Where its server's source is, from the workspace's root.
    pub fn source(&self) -> String {
        format!("{}/src/main.rs", self.dir())
    }

    /// Does a user mean this one?
    pub fn is_called(&self, named: &str) -> bool {
        let number = named.strip_prefix("step").unwrap_or(named);
        named == self.package
            || self.number == format!("{number:0>2}")
            || self.package == format!("step{number}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_several_names() {
        let reference = Step { number: "13".into(), package: "fuse714".into() };
        for name in ["13", "step13", "fuse714"] {
            assert!(reference.is_called(name), "{name}");
        }
        let step = Step { number: "04".into(), package: "step04-hello".into() };
        for name in ["4", "04", "step04", "step04-hello", "04-hello"] {
            assert!(step.is_called(name), "{name}");
        }
        for name in ["", "5", "step", "hello", "14", "404"] {
            assert!(!step.is_called(name), "{name}");
        }
        assert!(
            step.owns("step04::a") && step.owns("04-hello::tests::a") && !step.owns("step05::a")
        );
        assert!(
            reference.owns("cli::a") && reference.owns("13-fuse714::a") && !step.owns("cli::a")
        );
        assert_eq!(
            (step.dir(), reference.dir()),
            ("steps/04-hello".into(), "steps/13-fuse714".into())
        );
    }

    #[test]
    fn the_steps_of_this_workspace_are_packages() {
        let sh = Shell::new().unwrap();
        let steps = all(&sh).unwrap();
        assert_eq!(steps[0], Step { number: "01".into(), package: "step01-device".into() });
    }
}
