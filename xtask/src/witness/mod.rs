//! `cargo xtask vm-test --witness`: what was seen of a test that failed, told as a story: what went over
//! /dev/fuse, decoded, with the wrong field marked; what the clients called; what the kernel said.
//!
//! The guest's runner followed the test and sent facts (vm/init/src/witness). They are decoded here, with the
//! kit's own decoder: the learner's may be what is broken.

mod answer;
mod clients;
mod conversation;
mod judge;
mod marked;
mod names;

use std::fmt::Write;

use vm_init::{Fact, Verdict};

use conversation::{Message, messages, told};
use judge::{Finding, Judgement, judge};

/// So many messages are told before the first that is wrong, or before the end.
const BEFORE: usize = 12;
/// And so many after it.
const AFTER: usize = 4;

/// A test that ran once more, and what was seen of it.
pub struct Again {
    /// Its name.
    pub test: String,
    /// What was seen, in order.
    pub facts: Vec<Fact>,
    /// What it printed, and the kernel's messages.
    pub output: String,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// The guest went away meanwhile, and not all may have been seen. The end of its console.
    pub lost: Option<String>,
}

impl Again {
    /// One of which nothing has been seen yet.
    pub fn new(test: String) -> Again {
        Again { test, facts: Vec::new(), output: String::new(), verdict: None, lost: None }
    }

    /// The story, in lines.
    pub fn story(&self) -> String {
        let mut story = format!("Once more, followed: {}.\n", self.ending());
        if let Some(console) = &self.lost {
            let _ = writeln!(story, "  (The guest went away before all was told.)\n{console}");
        }
        // The witness's own troubles.
        let own =
            |line: &&str| line.starts_with("witness: ") || line.contains("panicked at vm/init/");
        for line in self.output.lines().filter(own) {
            let _ = writeln!(story, "  {line}");
        }
        if self.facts.iter().any(|fact| matches!(fact, Fact::Ptrace { .. })) {
            story += "  (This test follows its server with ptrace(2) itself. A process can be followed by one \
                      only, and this\n  time that was the witness: from there on the test went another way.)\n";
        }
        if self.facts.contains(&Fact::Full) {
            story += "  (It did too much to be told: what came later is left out.)\n";
        }
        let messages = messages(&self.facts);
        story += "\n  What went over /dev/fuse:\n";
        story += &conversation(&messages, &judge(&messages));
        story += &clients::told(&self.facts);
        let kernel: Vec<_> =
            self.output.lines().filter_map(|line| line.strip_prefix("kernel: ")).collect();
        let complaints = match &self.verdict {
            Some(Verdict::KernelComplained { messages }) => &messages[..],
            _ => &[],
        };
        if !kernel.is_empty() || !complaints.is_empty() {
            story += "\n  What the kernel said:\n";
            for line in kernel.into_iter().chain(complaints.iter().map(String::as_str)) {
                let _ = writeln!(story, "    {line}");
            }
        }
        story
    }

    fn ending(&self) -> String {
        match &self.verdict {
            None => "how it ended is not known".to_owned(),
            Some(Verdict::Passed) => {
                "it passed this time, so something depends on who comes first".to_owned()
            }
            Some(Verdict::Failed { status }) => format!("it failed again, {status}"),
            Some(Verdict::TimedOut { .. }) => {
                "it did not end in time (being followed takes longer)".to_owned()
            }
            Some(Verdict::Leaked { .. }) => "it left something behind again".to_owned(),
            Some(Verdict::KernelComplained { .. }) => "the kernel complained again".to_owned(),
        }
    }
}

/// The messages around the first that is wrong, with what is wrong in them.
fn conversation(messages: &[Message], judgement: &Judgement) -> String {
    let findings = &judgement.findings;
    let mut story = String::new();
    if messages.iter().all(|message| matches!(message, Message::Other(_))) {
        story += "    nothing: no server read from it, and none wrote.\n";
    }
    // That an answer is missing shows in the request, but what went wrong may have come later.
    let wrong = findings.iter().find(|finding| !finding.is_silence());
    let first = wrong.or(findings.first()).map(|finding| finding.at);
    let begin = first.unwrap_or(messages.len()).saturating_sub(BEFORE);
    let end = first.map_or(messages.len(), |first| messages.len().min(first + 1 + AFTER));
    if begin > 0 {
        let _ = writeln!(story, "    … {} before", count(begin));
    }
    for at in begin..end {
        story += &told(messages, at, judgement);
    }
    if end < messages.len() {
        let _ = writeln!(story, "    … {} after", count(messages.len() - end));
    }
    let unseen = |finding: &&Finding| finding.is_silence() && !(begin..end).contains(&finding.at);
    for finding in findings.iter().filter(unseen).take(AFTER) {
        let _ = writeln!(story, "    {}", finding.says);
    }
    if findings.is_empty() && !messages.is_empty() {
        story += "    Each answer is well-formed, and the kernel took it. What it says may still not be what the test \
                  wants.\n";
    }
    story
}

fn count(messages: usize) -> String {
    if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") }
}

#[cfg(test)]
mod tests;
