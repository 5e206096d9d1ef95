//! Chapters 10 to 12, played: what is in a pipe after each call on the way of an answer, and of a WRITE.
//!
//! Nothing here is computed: the pipes are those of step 10, the device is the kernel's, a client waits for
//! it. The book's simulator plays what is recorded here.

mod look;
mod reply;
mod request;

use std::fmt::Display;

use kernel_tests::played::{Play, State};
use nix::errno::Errno;

/// All that a setting may be: its name and its values.
type Choices<'a> = [(&'a str, [&'a str; 2])];

/// Every combination.
fn combinations(choices: &Choices) -> Vec<Vec<(String, String)>> {
    let mut all = vec![vec![]];
    for (name, values) in choices {
        let with = |settings: &Vec<(String, String)>, value: &str| {
            [settings.clone(), vec![((*name).to_owned(), value.to_owned())]].concat()
        };
        all = all.iter().flat_map(|some| values.map(|value| with(some, value))).collect();
    }
    all
}

/// The value of a setting.
fn chosen<'a>(play: &'a Play, name: &str) -> &'a str {
    let setting = play.settings.iter().find(|(setting, _)| setting == name);
    &setting.unwrap_or_else(|| panic!("no setting {name}")).1
}

/// What a call returned, in the words of the recording.
fn result(result: Result<impl Display, Errno>) -> String {
    result.map_or_else(|errno| format!("{errno:?}"), |value| value.to_string())
}

/// The states' calls with their results: for what a test expects.
fn calls(states: &[State]) -> Vec<String> {
    states.iter().map(|state| format!("{} = {}", state.call, state.result)).collect()
}

/// Compares plays with what was recorded of them.
fn assert_recorded(name: &str, plays: &[Play]) {
    let plays: Vec<_> = plays.iter().map(Play::to_string).collect();
    insta::assert_snapshot!(name, plays.join("\n"));
}
