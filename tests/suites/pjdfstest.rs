//! pjdfstest: some four hundred questions about POSIX, that nobody here wrote.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;

use crate::mounted::Mounted;
use crate::served::{Served, each_of_the_reference, full};
use crate::visitor::{output, program, stderr, stdout};

/// Users and features. All that a Linux file system can have is asked for. The naps are longer than the
/// steps of the kernel's coarse clock, which tmpfs takes its times from.
const CONFIGURATION: &str = r#"
[features]
posix_fallocate = {}
rename_ctime = {}
utime_now = {}
utimensat = {}
[settings]
naptime = 0.02
[dummy_auth]
entries = [["nobody", "nogroup"], ["daemon", "daemon"]]
"#;

/// What does not pass, and why.
const EXPECTED: &str = include_str!("pjdfstest.toml");

#[derive(Deserialize)]
struct Expectations {
    expected: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// `FAILED` or `skipped`.
    result: String,
    reason: String,
    /// A guest lacks the programs of a whole system.
    #[serde(default)]
    only_in_a_guest: bool,
    tests: Vec<String>,
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite pjdfstest"]
fn on_tmpfs() {
    judge(Served::tmpfs());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite pjdfstest"]
fn on_memfs() {
    judge(Served::memfs());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite pjdfstest"]
fn on_mirror() {
    judge(Served::mirror());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite pjdfstest"]
fn on_spliced() {
    judge(Served::spliced());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite pjdfstest"]
fn on_reference() {
    each_of_the_reference(judge);
}

fn judge(served: Served) {
    let configuration = served.dir.with_extension("toml");
    fs::write(&configuration, CONFIGURATION).unwrap();
    // For the questions about two file systems.
    let other = Mounted::tmpfs("other");
    let mut pjdfstest = program("pjdfstest");
    pjdfstest.arg("-c").arg(&configuration).arg("-p").arg(&served.dir).arg("-s").arg(&other.0);
    let run = output(pjdfstest.env("NO_COLOR", "1").env("RUST_BACKTRACE", "0"));
    served.end();
    let dir = other.0.clone();
    drop(other);
    fs::remove_dir(dir).unwrap();

    let verdicts = verdicts(&stdout(&run));
    let count = |result| verdicts.values().filter(|verdict| verdict.result == result).count();
    println!("{} passed, {} failed, {} skipped", count("ok"), count("FAILED"), count("skipped"));
    assert!(count("ok") > 300, "it did not run:\n{}{}", stdout(&run), stderr(&run));
    let surprises = surprises(&verdicts, EXPECTED, !full());
    assert!(surprises.is_empty(), "not as tests/suites/pjdfstest.toml says:\n{surprises}");
}

/// What came of one question.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    /// `ok`, `FAILED` or `skipped`.
    result: String,
    /// What is printed below it: why.
    why: String,
}

/// `name   result`, and below it what is indented.
fn verdicts(printed: &str) -> BTreeMap<String, Verdict> {
    let mut verdicts = BTreeMap::new();
    let mut last = None;
    for line in printed.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [name, result @ ("ok" | "FAILED" | "skipped")] if name.contains("::") => {
                let verdict = Verdict { result: result.into(), why: String::new() };
                verdicts.insert(name.to_owned(), verdict);
                last = Some(name.to_owned());
            }
            _ => {
                let of_the_last = last.as_ref().and_then(|name| verdicts.get_mut(name));
                if let Some(verdict) = of_the_last.filter(|_| line.starts_with('\t')) {
                    verdict.why += &format!("    {}\n", line.trim());
                }
            }
        }
    }
    verdicts
}

/// What is not as expected, a line each: a failure, a pass, or a question that was not asked.
fn surprises(verdicts: &BTreeMap<String, Verdict>, expectations: &str, in_a_guest: bool) -> String {
    let Expectations { expected } = toml::from_str(expectations).unwrap();
    let mut listed = BTreeMap::new();
    for Expected { result, reason, only_in_a_guest, tests } in expected {
        if only_in_a_guest && !in_a_guest {
            continue;
        }
        assert!(!reason.is_empty(), "without a reason: {tests:?}");
        tests.into_iter().for_each(|test| {
            listed.insert(test, result.clone());
        });
    }
    let mut surprises = String::new();
    for (name, Verdict { result, why }) in verdicts {
        let expected = listed.remove(name).unwrap_or_else(|| "ok".into());
        if *result != expected {
            surprises += &format!("{name}: {result}, and not {expected}\n{why}");
        }
    }
    listed.keys().for_each(|name| surprises += &format!("{name}: listed, and was not asked\n"));
    surprises
}

#[test]
fn a_surprise_is_told_whatever_it_is() {
    let printed = "\
a::ok            ok
a::listed        FAILED
\tas ever
a::fails         FAILED
\tno such luck
a::passes        ok
a::skips         skipped
\tno feature

Summary: 2 failed, 1 skipped, 2 passed, 0 expected failures, 5 total
";
    let expected = "[[expected]]\nresult = 'FAILED'\nreason = 'r'\n\
                    tests = ['a::listed', 'a::passes', 'a::gone']\n";
    let told = surprises(&verdicts(printed), expected, false);
    assert_eq!(
        told,
        "a::fails: FAILED, and not ok\n    no such luck\n\
         a::passes: ok, and not FAILED\n\
         a::skips: skipped, and not ok\n    no feature\n\
         a::gone: listed, and was not asked\n"
    );
}
