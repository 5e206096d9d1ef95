//! Golden streams of records: what a guest may send, and what the user then reads.

use super::*;

fn start(test: &str) -> Record {
    Record::Start { test: test.into() }
}

fn output(text: &str) -> Record {
    Record::Output { text: text.into() }
}

fn ended(test: &str, verdict: Verdict) -> Record {
    Record::End { test: test.into(), verdict, seconds: 0.25 }
}

/// What is printed for a stream that ends with the guest gone, and the outcome.
fn told(records: Vec<Record>) -> (String, anyhow::Result<Outcome>) {
    let mut text = Vec::new();
    let mut report = Report::new(&mut text, false);
    let taken: anyhow::Result<()> = records.into_iter().try_for_each(|record| report.take(record));
    let end = End::Gone("  console | Kernel panic\n".into());
    let outcome = taken.and_then(|()| report.verdicts(end, Duration::from_millis(1500)));
    let outcome = outcome.map(|verdicts| verdicts.outcome());
    (String::from_utf8(text).unwrap(), outcome)
}

#[test]
fn all_passed() {
    let (text, outcome) = told(vec![
        Record::Plan { tests: 1 },
        start("a"),
        output("not shown\n"),
        ended("a", Verdict::Passed),
        Record::Done,
    ]);
    assert_eq!(outcome.unwrap(), Outcome::Good);
    assert_eq!(
        text,
        "\nrunning 1 test\ntest a ... ok (0.25 s)\n\n\
         test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s\n"
    );
}

#[test]
fn each_way_to_fail_has_its_word_and_its_story() {
    let line = || vec!["a line".to_owned()];
    for (verdict, word) in [
        (Verdict::Failed { status: "exit status: 101".into() }, "FAILED: exit status: 101"),
        (Verdict::TimedOut { waits: line() }, "TIMEOUT: still running after 0 s"),
        (Verdict::Leaked { what: line() }, "LEAKED: it passed, but left behind:\n    a line"),
        (
            Verdict::KernelComplained { messages: line() },
            "KERNEL WARNING: it passed, but the kernel said:\n    a line",
        ),
    ] {
        let (text, outcome) = told(vec![
            Record::Plan { tests: 2 },
            start("bad"),
            output("what it "),
            output("printed\n"),
            ended("bad", verdict),
            start("good"),
            ended("good", Verdict::Passed),
            Record::Done,
        ]);
        assert_eq!(outcome.unwrap(), Outcome::Bad);
        assert!(text.contains(word), "{text}");
        assert!(text.contains("---- bad ----\nwhat it printed\n"), "{text}");
        assert!(text.contains("test good ... ok"), "the run goes on: {text}");
        assert!(text.contains("test result: FAILED. 1 passed; 1 failed; 0 ignored"), "{text}");
    }
}

#[test]
fn a_guest_lost_in_a_test_is_that_tests_doing() {
    let (text, outcome) = told(vec![
        Record::Plan { tests: 3 },
        start("good"),
        ended("good", Verdict::Passed),
        start("bad"),
        output("its last words\n"),
    ]);
    assert_eq!(outcome.unwrap(), Outcome::Bad);
    assert!(text.contains("test bad ... CRASHED"), "{text}");
    assert!(text.contains("its last words\n") && text.contains("console | Kernel panic"), "{text}");
    assert!(text.contains("1 passed; 1 failed; 1 ignored"), "one was not run: {text}");
}

#[test]
fn a_machine_lost_in_a_test_is_the_rigs() {
    let mut report = Report::new(Vec::new(), false);
    report.take(Record::Plan { tests: 1 }).unwrap();
    report.take(start("innocent")).unwrap();
    let end = End::Lost(anyhow::anyhow!("QEMU: signal 9"));
    let outcome = report.verdicts(end, Duration::from_secs(1));
    assert_eq!(outcome.unwrap_err().to_string(), "QEMU: signal 9");
}

#[test]
fn a_guest_lost_between_tests_is_the_rigs() {
    for records in [
        vec![],
        vec![Record::Plan { tests: 1 }],
        vec![Record::Plan { tests: 1 }, start("a"), ended("a", Verdict::Passed)],
    ] {
        let (_, outcome) = told(records);
        let error = outcome.unwrap_err().to_string();
        assert!(
            error.contains("before its last record") && error.contains("Kernel panic"),
            "{error}"
        );
    }
}

#[test]
fn no_test_is_no_success() {
    let (_, outcome) = told(vec![Record::Plan { tests: 0 }, Record::Done]);
    assert!(outcome.unwrap_err().to_string().contains("no test was selected"));
}

#[test]
fn tests_that_never_began_are_no_success() {
    let (text, outcome) = told(vec![
        Record::Plan { tests: 2 },
        start("a"),
        ended("a", Verdict::Passed),
        Record::Done,
    ]);
    assert_eq!(outcome.unwrap(), Outcome::Bad);
    assert!(text.contains("FAILED. 1 passed; 0 failed; 1 ignored"), "{text}");
}

#[test]
fn records_out_of_order_are_an_error() {
    let hello = Record::Hello { release: "6.12".into(), fuse: "7.41".into() };
    for records in [
        vec![hello],
        vec![Record::Plan { tests: 1 }, ended("a", Verdict::Passed)],
        vec![Record::Plan { tests: 1 }, start("a"), ended("b", Verdict::Passed)],
        vec![
            Record::Plan { tests: 1 },
            start("a"),
            ended("a", Verdict::Passed),
            Record::Done,
            start("b"),
        ],
    ] {
        assert!(told(records.clone()).1.is_err(), "{records:?}");
    }
}

#[test]
fn the_test_programs_own_words_are_left_out() {
    let output = "\nrunning 1 test\ntest s::a ... → #1 INIT\nthread 's::a' panicked at tests/s.rs:5:5:\n  left: 1\n\
                  note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\nFAILED\n\n\
                  failures:\n\nfailures:\n    s::a\n\ntest result: FAILED. 0 passed; 1 failed\n";
    assert_eq!(
        without_frame(output, "s::a"),
        "→ #1 INIT\nthread 's::a' panicked at tests/s.rs:5:5:\n  left: 1"
    );
}

#[test]
fn the_command_for_one_test_names_the_server_that_failed_it() {
    let mut text = Vec::new();
    let mut report = Report::new(&mut text, false).of_server(Some(Path::new("./mine")));
    let failed = ended("a", Verdict::Failed { status: "exit status: 101".into() });
    for record in [Record::Plan { tests: 1 }, start("a"), failed, Record::Done] {
        report.take(record).unwrap();
    }
    report.verdicts(End::Gone(String::new()), Duration::from_secs(1)).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("cargo xtask vm-test a --server ./mine\n"), "{text}");
}

#[test]
fn what_was_seen_of_a_test_stands_with_its_failure() {
    let failed = || Verdict::Failed { status: "exit status: 101".into() };
    let again = |more: Vec<Record>| {
        let before = [
            Record::Plan { tests: 1 },
            start("bad"),
            output("what it printed\n"),
            ended("bad", failed()),
            Record::Again { test: "bad".into() },
            start("bad::again"),
            output("what it printed again\n"),
            ended("bad::again", failed()),
        ];
        told(before.into_iter().chain(more).collect())
    };
    let by = vm_init::Process { thread: 5, pid: 5, name: "hello".into() };
    let fact = vm_init::Fact::Ended { by, how: "signal 11".into() };
    let (text, outcome) = again(vec![Record::Seen { fact }, Record::Done]);
    assert_eq!(outcome.unwrap(), Outcome::Bad);
    assert!(
        text.contains("\nwhat it printed\nFAILED: exit status: 101\n\nOnce more, followed: it"),
        "{text}"
    );
    assert!(text.contains("hello (pid 5) ended: signal 11"), "{text}");
    assert!(text.contains("0 passed; 1 failed; 0 ignored"), "it counts once: {text}");
    // All have their verdicts: that the guest is lost then costs the story only.
    let (text, outcome) = again(vec![]);
    assert_eq!(outcome.unwrap(), Outcome::Bad);
    assert!(
        text.contains("The guest went away before all was told") && text.contains("Kernel panic"),
        "{text}"
    );
    // A test that is not among the failed cannot run again.
    let plan = Record::Plan { tests: 1 };
    let (_, outcome) = told(vec![plan, Record::Again { test: "other".into() }]);
    assert!(outcome.unwrap_err().to_string().contains("out of order"));
}
