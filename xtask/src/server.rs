//! `cargo xtask vm-test NN --server PATH`: another program, in any language, takes the tests of a step.
//!
//! Those that need nothing but `SERVER MOUNTPOINT` are in the step's module `any_server`
//! (tests/stepNN/any_server.rs). The others look at what only the kit's own server has: its trace, its
//! options, its library. They are not run, and named.

use std::path::Path;

use anyhow::{bail, ensure};
use xshell::Shell;

use crate::steps::{self, Step};
use crate::vm::carry::checked;
use crate::vm::guest::Programs;
use crate::vm_test::{self, Arguments};

/// The module of a step's tests that any server can take.
const MODULE: &str = "any_server";

/// Makes of a request for a step one for those of its tests that any server can take.
///
/// # Errors
///
/// It does not name one step, or one test of the module; or what it names is no program.
pub fn select(sh: &Shell, arguments: &mut Arguments, server: &Path) -> anyhow::Result<()> {
    let step = step(sh, &arguments.filters)?;
    checked(server)?;
    let module = format!("step{}::{MODULE}::", step.number);
    let named = arguments.filters.pop().unwrap_or_default();
    if named.contains("::") {
        ensure!(
            named.starts_with(&module),
            "{named} is about the Rust server itself. For any server: cargo xtask vm-test {} --server {}",
            step.number,
            server.display()
        );
        arguments.filters = vec![named];
    } else {
        arguments.filters = vec![module];
    }
    Ok(())
}

/// The step of `04`, or of `step04::any_server::ls_and_cat_work`.
fn step(sh: &Shell, filters: &[String]) -> anyhow::Result<Step> {
    match filters {
        [one] => steps::find(sh, one.split("::").next().unwrap_or(one)),
        _ => bail!(
            "--server takes one step, the one whose tests the server is to pass: \
             cargo xtask vm-test 04 --server PATH"
        ),
    }
}

/// Says what is tested, and which of the step's tests are left out.
///
/// # Errors
///
/// All of them are.
pub fn announce(
    sh: &Shell,
    programs: &Programs,
    arguments: &Arguments,
    server: &Path,
) -> anyhow::Result<()> {
    let step = step(sh, &arguments.filters)?;
    let all = vm_test::chosen(sh, programs, &Arguments::default())?;
    let left_out = left_out(&all, &step.number)?;
    let whole = arguments.filters.iter().all(|filter| filter.ends_with("::"));
    println!("{}, in place of {}", server.display(), step.package);
    if whole && !left_out.is_empty() {
        print!("{}", told(&left_out, &all, &step.number));
    }
    println!();
    Ok(())
}

/// Those of a step's tests that not any server can take.
fn left_out<'a>(all: &'a [String], number: &str) -> anyhow::Result<Vec<&'a str>> {
    let for_any = |test: &&String| test.contains(&format!("::{MODULE}::"));
    let (any, own): (Vec<_>, Vec<_>) = of_step(all, number).partition(for_any);
    if any.is_empty() {
        let mut steps: Vec<_> =
            all.iter().filter(for_any).filter_map(|test| test.get(4..6)).collect();
        steps.dedup();
        bail!(
            "step {number} has no test that any server can take: they are about the Rust program \
             itself. These steps have some: {}",
            steps.join(" ")
        );
    }
    Ok(own.into_iter().map(String::as_str).collect())
}

fn of_step<'a>(all: &'a [String], number: &str) -> impl Iterator<Item = &'a String> {
    let module = format!("step{number}::");
    all.iter().filter(move |test| test.starts_with(&module))
}

fn told(left_out: &[&str], all: &[String], number: &str) -> String {
    let (count, of) = (left_out.len(), of_step(all, number).count());
    let are = if count == 1 { "is" } else { "are" };
    let lines: String = left_out.iter().map(|test| format!("    {test}\n")).collect();
    format!(
        "{count} of the step's {of} tests {are} about the Rust server itself, and left out:\n{lines}"
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::steps::workspace_root;

    fn selected(filters: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut arguments = Arguments::default();
        arguments.filters = filters.iter().map(|&filter| filter.to_owned()).collect();
        let server = workspace_root().join("tests/other-languages/hello.py");
        select(&Shell::new().unwrap(), &mut arguments, &server)?;
        Ok(arguments.filters)
    }

    #[test]
    fn one_step_is_named_or_one_of_its_tests() {
        assert_eq!(selected(&["4"]).unwrap(), ["step04::any_server::"]);
        assert_eq!(selected(&["step04-hello"]).unwrap(), ["step04::any_server::"]);
        let one = "step04::any_server::ls_and_cat_work";
        assert_eq!(selected(&[one]).unwrap(), [one]);
        let refused = |filters: &[&str]| selected(filters).unwrap_err().to_string();
        assert!(refused(&[]).contains("cargo xtask vm-test 04 --server PATH"));
        assert!(refused(&["04", "05"]).contains("--server takes one step"));
        assert!(refused(&["99"]).contains("there is no step \"99\""));
        let own = refused(&["step04::the_conversation_of_a_visit"]);
        assert!(own.contains("about the Rust server itself"), "{own}");
    }

    #[test]
    fn what_is_left_out_is_named() {
        let all = ["step01::a", "step03::any_server::b", "step04::any_server::c", "step04::d"];
        let all = all.map(str::to_owned);
        let own = left_out(&all, "04").unwrap();
        assert_eq!(
            told(&own, &all, "04"),
            "1 of the step's 2 tests is about the Rust server itself, and left out:\n    step04::d\n"
        );
        assert!(left_out(&all, "03").unwrap().is_empty());
        let none = left_out(&all, "01").unwrap_err().to_string();
        assert!(none.ends_with("These steps have some: 03 04"), "{none}");
    }

    /// A test that serves by itself would pass whatever the given server does.
    #[test]
    fn tests_for_any_server_look_into_none_of_ours() {
        let mut seen = 0;
        for entry in fs::read_dir(workspace_root().join("tests")).unwrap() {
            let path = entry.unwrap().path().join(format!("{MODULE}.rs"));
            let Ok(source) = fs::read_to_string(&path) else { continue };
            let uses = |line: &&str| line.starts_with("use step") || line.contains("in_process");
            let ours: Vec<_> = source.lines().filter(uses).collect();
            assert!(ours.is_empty(), "{}: {ours:?}", path.display());
            seen += 1;
        }
        assert!(seen >= 4, "{seen}");
    }
}
