//! Broken versions of the servers in other languages: is the wrong field named, as the witness has seen it?

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use xshell::{Shell, cmd};

use crate::learn::says::{self, Compare};
use crate::package::provide;
use crate::steps::workspace_root;
use crate::{server, vm_test};

/// A server, what is changed in it, and what the witness must say then.
struct Broken {
    file: &'static str,
    right: &'static str,
    wrong: &'static str,
    says: &'static str,
}

const BROKEN: [Broken; 2] = [
    Broken {
        file: "hello.c",
        right: "attr.mode = S_IFREG | 0444;",
        wrong: "attr.mode = 0444;",
        says: "has no type of file in it",
    },
    Broken {
        file: "hello.py",
        right: "len(body), -errno, unique)",
        wrong: "len(body), errno, unique)",
        says: "errno must be negative",
    },
];

/// Breaks each server and lets it take the tests of step 04. Returns what is not as it must be.
/// What the witness says is compared with what is recorded beside the right ones, or recorded.
pub fn prove(sh: &Shell, accept: bool) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for broken in &BROKEN {
        let mut arguments = vm_test::Arguments::default();
        let program = broken.build(sh)?;
        arguments.filters = vec!["04".to_owned()];
        server::select(sh, &mut arguments, &program)?;
        arguments.server = Some(program);
        arguments.witness = true;
        let verdicts = vm_test::verdicts(sh, &arguments)?;
        let stories: Vec<_> =
            verdicts.failed.iter().filter_map(|failure| failure.witnessed.as_deref()).collect();
        let Broken { file, wrong, says, .. } = broken;
        match stories.iter().find(|story| story.contains(says)) {
            Some(story) => {
                println!("{file} with {wrong}:\n{story}");
                faults.extend(says::differs(&broken.record(), story, Compare::Whole, accept)?);
            }
            None => faults.push(format!(
                "{file} with {wrong}: {} tests fail, and no witness says: {says}\n{}",
                verdicts.failed.len(),
                stories.concat()
            )),
        }
    }
    Ok(faults)
}

impl Broken {
    /// Where it is recorded what the witness says.
    fn record(&self) -> PathBuf {
        workspace_root().join(format!("tests/other-languages/{}.says", self.file))
    }

    /// The program, broken.
    fn build(&self, sh: &Shell) -> anyhow::Result<PathBuf> {
        let source = workspace_root().join("tests/other-languages").join(self.file);
        let text = fs::read_to_string(&source)
            .with_context(|| format!("cannot read {}", source.display()))?;
        ensure!(
            text.matches(self.right).count() == 1,
            "{} does not say, once: {}",
            source.display(),
            self.right
        );
        let dir = workspace_root().join("target/learn-selftest/broken");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let broken = dir.join(self.file);
        fs::write(&broken, text.replace(self.right, self.wrong))
            .with_context(|| format!("cannot write {}", broken.display()))?;
        match Path::new(self.file).extension().and_then(|extension| extension.to_str()) {
            Some("c") => {
                let (cc, program) = (provide(sh, "cc", "gcc")?, dir.join("hello-c"));
                cmd!(sh, "{cc} -o {program} {broken}").quiet().run()?;
                Ok(program)
            }
            _ => {
                fs::set_permissions(&broken, fs::Permissions::from_mode(0o755))?;
                Ok(broken)
            }
        }
    }
}
