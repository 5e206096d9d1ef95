//! How a learner stands: from the tests' verdicts to the exercises, and to what is next.

use std::fmt::Write;

use crate::Outcome;
use crate::learn::exercises::Exercise;
use crate::learn::holes::reached;
use crate::learn::turns::Turns;
use crate::vm::report::{Failure, Verdicts};

/// An exercise in a learner's workspace.
#[derive(Debug)]
pub struct Task {
    pub exercise: Exercise,
    /// Its body is still a hole.
    pub is_open: bool,
    /// In which line of its file the body begins.
    pub line: usize,
}

/// How a learner stands with a step.
#[derive(Debug)]
pub struct Standing<'a> {
    tasks: &'a [Task],
    /// Of each task the tests that fail for it.
    failing: Vec<Vec<&'a Failure>>,
    /// What failed and belongs to none of them.
    others: Vec<&'a Failure>,
    verdicts: &'a Verdicts,
}

/// All that is known of a failure.
fn told(failure: &Failure) -> String {
    let Failure { test, what, output, witnessed } = failure;
    // What is written below steps/ there is the learner's, and not the file of that name at the top.
    let output = output.replace("panicked at steps/", "panicked at mine/steps/");
    let story =
        witnessed.as_ref().map_or(String::new(), |story| format!("\n{}\n", story.trim_end()));
    format!("---- {test} ----\n{output}\n{what}\n{story}\n")
}

/// How many names of tests are listed in one place.
const NAMES: usize = 5;

impl<'a> Standing<'a> {
    /// Each failure goes to the exercise whose hole it ran into, or that is recorded to turn it green.
    pub fn new(tasks: &'a [Task], verdicts: &'a Verdicts, turns: &Turns) -> Standing<'a> {
        let mut failing = vec![Vec::new(); tasks.len()];
        let mut others = Vec::new();
        for failure in &verdicts.failed {
            let is_about = |task: &Task| match reached(&failure.output) {
                Some(id) => task.exercise.id == id,
                None => {
                    let tests = turns.get(&task.exercise.id);
                    tests.is_some_and(|tests| tests.contains(&failure.test))
                }
            };
            match tasks.iter().position(is_about) {
                Some(n) => failing[n].push(failure),
                None => others.push(failure),
            }
        }
        Standing { tasks, failing, others, verdicts }
    }

    /// Is all of it right?
    pub fn outcome(&self) -> Outcome {
        if self.tasks.iter().any(|task| task.is_open) {
            Outcome::Bad
        } else {
            self.verdicts.outcome()
        }
    }

    /// `18 of 43`
    pub fn failed(&self) -> String {
        let (passed, failed) = (self.verdicts.passed.len(), self.verdicts.failed.len());
        format!("{failed} of {}", passed + failed + self.verdicts.not_run)
    }

    /// The exercise to do now: its place among the tasks.
    fn first_undone(&self) -> Option<usize> {
        (0..self.tasks.len()).find(|n| self.tasks[*n].is_open || !self.failing[*n].is_empty())
    }

    /// A line for each exercise.
    pub fn overview(&self) -> String {
        let mut text = String::new();
        let first = self.first_undone();
        for (n, (task, failing)) in self.tasks.iter().zip(&self.failing).enumerate() {
            let word = match (task.is_open, failing.len()) {
                (true, _) => "not written yet".to_owned(),
                (false, 0) => "done".to_owned(),
                // A test needs all that comes before the exercise that it is recorded with.
                (false, _) => match first.filter(|first| *first < n) {
                    Some(first) => format!("waits for {}", self.tasks[first].exercise.id),
                    None => "not right yet".to_owned(),
                },
            };
            let tests = match failing.len() {
                0 => String::new(),
                1 => " (1 test)".to_owned(),
                n => format!(" ({n} tests)"),
            };
            let Exercise { id, title, .. } = &task.exercise;
            let _ = writeln!(text, "  {id}  {word:<15}  {title}{tests}");
        }
        if !self.others.is_empty() {
            let n = self.others.len();
            let tests = if n == 1 { "1 test fails" } else { &format!("{n} tests fail") };
            let _ = writeln!(text, "  {tests} that did not while the exercises were open");
        }
        text
    }

    /// The first failure that is not a hole's, with all that is known of it; the first beside it that the
    /// witness has followed, if the first was not; and the names of the others.
    pub fn first_failure(&self) -> String {
        let written = self.tasks.iter().zip(&self.failing).filter(|(task, _)| !task.is_open);
        let mut groups = written.map(|(_, failing)| failing).chain([&self.others]);
        let Some(group) = groups.find(|group| !group.is_empty()) else {
            return String::new();
        };
        let followed = group.iter().position(|failure| failure.witnessed.is_some()).unwrap_or(0);
        let is_shown = |n: usize| n == 0 || n == followed;
        let (shown, others): (Vec<_>, Vec<_>) =
            group.iter().enumerate().partition(|(n, _)| is_shown(*n));
        let mut text: String = shown.iter().map(|(_, failure)| told(failure)).collect();
        if !others.is_empty() {
            let names = others.iter().take(NAMES).map(|(_, failure)| failure.test.as_str());
            let names: Vec<_> = names.collect();
            let rest = others.len().saturating_sub(NAMES);
            let rest = if rest > 0 { format!(", and {rest} more") } else { String::new() };
            let _ = writeln!(text, "beside it fail: {}{rest}", names.join(", "));
        }
        text
    }

    /// What to do now, and where; nothing if all is done.
    pub fn next(&self) -> Option<String> {
        let Some(first) = self.first_undone() else {
            let advice = "Next: see what the test asks for, and mend the exercise that is about it";
            return self.others.first().map(|_| advice.to_owned());
        };
        let Task { exercise, is_open, line } = &self.tasks[first];
        let verb = if *is_open { "write" } else { "mend" };
        let id = &exercise.id;
        let mut text = format!("Next: {verb} exercise {id}, mine/{}:{line}\n", exercise.path());
        // A test is recorded with the last of those that it needs.
        let first = &self.tasks[0].exercise.id;
        if !is_open && first != id {
            text += &format!(
                "(Its tests need what comes before it, too: is it right, then look from {first} on.)\n"
            );
        }
        Some(text + &format!("Stuck? cargo xtask hint {id}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::exercises;
    use crate::steps::Step;

    fn tasks(open: [bool; 2]) -> Vec<Task> {
        let step = Step { number: "04".into(), package: "step04-hello".into() };
        let exercises = exercises::of(&step).unwrap().into_iter().zip(open);
        exercises.map(|(exercise, is_open)| Task { exercise, is_open, line: 7 }).collect()
    }

    fn failure(test: &str, output: &str) -> Failure {
        Failure {
            test: test.into(),
            what: "FAILED: exit status: 101".into(),
            output: output.into(),
            witnessed: None,
        }
    }

    fn turns() -> Turns {
        Turns::from([
            ("04.1".into(), vec!["a".into()]),
            ("04.2".into(), vec!["b".into(), "c".into()]),
        ])
    }

    #[test]
    fn a_hole_that_was_reached_comes_before_what_it_caused() {
        let hole = "not yet implemented: exercise 04.2: x\nstill running";
        let verdicts =
            Verdicts { passed: vec!["z".into()], failed: vec![failure("a", hole)], not_run: 0 };
        let tasks = tasks([false, true]);
        let standing = Standing::new(&tasks, &verdicts, &turns());
        assert_eq!(standing.failed(), "1 of 2");
        assert!(standing.overview().contains("04.2  not written yet"), "{}", standing.overview());
        assert!(standing.overview().contains("04.1  done"), "{}", standing.overview());
        assert_eq!(standing.first_failure(), "");
        assert!(
            standing
                .next()
                .unwrap()
                .starts_with("Next: write exercise 04.2, mine/steps/04-hello/src/main.rs:7")
        );
        assert_eq!(standing.outcome(), Outcome::Bad);
    }

    #[test]
    fn a_failure_belongs_to_the_exercise_that_turns_it() {
        let failed = vec![failure("x", "other"), failure("b", "left: 1"), failure("c", "left: 2")];
        let verdicts = Verdicts { failed, ..Verdicts::default() };
        let tasks = tasks([false, false]);
        let standing = Standing::new(&tasks, &verdicts, &turns());
        assert!(standing.overview().contains("04.2  not right yet"), "{}", standing.overview());
        assert!(standing.overview().contains("1 test fails that did not while"));
        let first = standing.first_failure();
        assert!(
            first.starts_with("---- b ----\nleft: 1\n") && first.ends_with("beside it fail: c\n"),
            "{first}"
        );
        assert!(standing.next().unwrap().contains("mend exercise 04.2"));
        let failed = vec![failure("x", "other")];
        let verdicts = Verdicts { failed, ..Verdicts::default() };
        let standing = Standing::new(&tasks, &verdicts, &turns());
        assert!(standing.next().unwrap().contains("see what the test asks for"));
    }

    #[test]
    fn an_exercise_whose_tests_need_an_earlier_one_waits_for_it() {
        let verdicts = Verdicts { failed: vec![failure("b", "left: 1")], ..Verdicts::default() };
        let tasks = tasks([true, false]);
        let overview = Standing::new(&tasks, &verdicts, &turns()).overview();
        assert!(overview.contains("04.2  waits for 04.1"), "{overview}");
    }

    #[test]
    fn all_is_right_when_nothing_fails_and_nothing_is_open() {
        let verdicts = Verdicts { passed: vec!["a".into()], ..Verdicts::default() };
        for (open, outcome) in [(false, Outcome::Good), (true, Outcome::Bad)] {
            let tasks = tasks([false, open]);
            let standing = Standing::new(&tasks, &verdicts, &turns());
            assert_eq!((standing.outcome(), standing.next().is_none()), (outcome, !open));
        }
    }
}
