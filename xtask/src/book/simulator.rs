//! `{{#pipe-simulator KIND}}`: what a pipe went through, call by call, to be stepped through with switches.
//!
//! Every number and every box comes from a recording that `tests/pipe.rs` makes through a real kernel. Only
//! the words are from here. book/theme/pipe.js plays it; without it, and in print, the states of the
//! first setting stand one below the other.

mod drawing;
mod reply;
mod request;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use kernel_tests::played::{self, Play, State};
use serde_json::{Value, json};

use crate::book::fault::{Problem, nearest};
use crate::book::html::escaped;
use crate::book::output::recorded;

/// What can be played.
struct Kind {
    /// What it is called, in the directive and the recording's name.
    name: &'static str,
    /// What the figure shows.
    title: &'static str,
    switches: &'static [Switch],
    /// The memory that the first slots and the data come from, then where the data go.
    places: &'static [drawing::Place],
    /// What happened: a sentence or two about the n-th state of a play.
    words: fn(&Play, usize) -> String,
}

/// A setting, and what each of its values is called on the page. The first one is chosen at first.
struct Switch {
    name: &'static str,
    legend: &'static str,
    values: &'static [(&'static str, &'static str)],
}

const KINDS: [&Kind; 2] = [&reply::KIND, &request::KIND];

/// The figure, as HTML.
pub fn simulator(root: &Path, argument: &str) -> Result<String, Problem> {
    let kind = KINDS.iter().find(|kind| kind.name == argument).ok_or_else(|| {
        let names = KINDS.iter().map(|kind| kind.name.to_owned());
        Problem::new("it names nothing that can be played", nearest(argument, names))
    })?;
    let file = format!("tests/snapshots/kernel__pipe__{}.snap", kind.name);
    let record = "Record it: cargo xtask vm-test pipe:: --accept";
    let text = fs::read_to_string(root.join(&file))
        .map_err(|error| Problem::new(format!("cannot read {file}: {error}"), record))?;
    let plays = played::parse(recorded(&text))
        .map_err(|error| Problem::new(format!("{file}: {error:#}"), record))?;
    for settings in kind.settings() {
        if !plays.iter().any(|play| play.settings == settings) {
            let missing = format!("{file} has no play for {}", key(&settings));
            return Err(Problem::new(missing, record));
        }
    }
    Ok(figure(kind, &plays, &file))
}

impl Kind {
    /// Every combination of settings, the first of each first.
    fn settings(&self) -> Vec<Vec<(String, String)>> {
        let mut all = vec![vec![]];
        for switch in self.switches {
            let with = |some: &Vec<(String, String)>, value: &str| {
                [some.clone(), vec![(switch.name.to_owned(), value.to_owned())]].concat()
            };
            let values = switch.values;
            all = all
                .iter()
                .flat_map(|some| values.iter().map(|(value, _)| with(some, value)))
                .collect();
        }
        all
    }
}

/// `patch short 16 shared no`: by this pipe.js finds a play.
fn key(settings: &[(String, String)]) -> String {
    settings.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ")
}

fn figure(kind: &Kind, plays: &[Play], file: &str) -> String {
    let first = kind.settings().swap_remove(0);
    let shown = plays.iter().find(|play| play.settings == first).unwrap_or(&plays[0]);
    let steps = shown.states.len();
    let mut html = format!(
        "<figure class=\"pipe-sim\" data-kind=\"{}\">\n\
         <div class=\"from\">played from what was recorded: {file}, Linux 6.12 and three others</div>\n\
         <form class=\"pipe-switches\" autocomplete=\"off\">\n",
        kind.name
    );
    for Switch { name, legend, values } in kind.switches {
        let _ = write!(html, "<fieldset><legend>{legend}</legend>");
        for (n, (value, label)) in values.iter().enumerate() {
            let checked = if n == 0 { " checked" } else { "" };
            let _ = write!(
                html,
                "<label><input type=\"radio\" name=\"{name}\" value=\"{value}\"{checked}> {label}</label>"
            );
        }
        html += "</fieldset>\n";
    }
    let _ = write!(
        html,
        "</form>\n<div class=\"pipe-controls\" role=\"group\" aria-label=\"Steps\">\n\
         <button type=\"button\" class=\"pipe-first\">First</button>\n\
         <button type=\"button\" class=\"pipe-back\">Back</button>\n\
         <button type=\"button\" class=\"pipe-forward\">Forward</button>\n\
         <button type=\"button\" class=\"pipe-last\">Last</button>\n\
         <input type=\"range\" class=\"pipe-slider\" aria-label=\"Step\" min=\"1\" max=\"{steps}\" value=\"1\">\n\
         <span class=\"pipe-step\">1 of {steps}</span>\n</div>\n\
         <div class=\"pipe-stage\" role=\"group\" aria-label=\"How things stand\" tabindex=\"0\">\n{}</div>\n\
         <p class=\"pipe-live\" aria-live=\"polite\"></p>\n\
         <ol class=\"pipe-states\">\n",
        drawing::state(kind, shown, 0)
    );
    for n in 0..steps {
        let _ = writeln!(html, "<li>\n{}</li>", drawing::state(kind, shown, n));
    }
    // `<` would end the script, or begin one.
    let recording = recording(kind, plays).to_string().replace('<', "\\u003c");
    let _ = write!(
        html,
        "</ol>\n<script type=\"application/json\" class=\"pipe-recording\">{recording}</script>\n\
         <figcaption>{} A solid box is a copy, a broken line a reference.</figcaption>\n</figure>\n",
        escaped(kind.title)
    );
    html
}

/// All plays, for pipe.js. A sentence that comes often is there once.
fn recording(kind: &Kind, plays: &[Play]) -> Value {
    let words = |play: &Play| (0..play.states.len()).map(|n| (kind.words)(play, n)).collect();
    let said: Vec<Vec<String>> = plays.iter().map(words).collect();
    let sentences: Vec<_> =
        said.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    let plays: serde_json::Map<_, _> = plays
        .iter()
        .zip(&said)
        .map(|(play, said)| {
            let states = play.states.iter().zip(said);
            let states =
                states.map(|(state, said)| state_json(state, sentences.binary_search(said)));
            (key(&play.settings), Value::Array(states.collect()))
        })
        .collect();
    json!({ "places": drawing::names(kind), "sentences": sentences, "plays": plays })
}

fn state_json(state: &State, sentence: Result<usize, usize>) -> Value {
    let pipe = |pipe: &played::Pipe| {
        let runs = pipe
            .held
            .iter()
            .map(|run| json!([run.what, run.whose, run.bytes, run.times, run.says]));
        json!([pipe.name, pipe.bytes, pipe.slots, runs.collect::<Vec<_>>()])
    };
    json!({
        "call": state.call,
        "result": state.result,
        "copied": state.copied,
        "places": state.places,
        "pipes": state.pipes.iter().map(pipe).collect::<Vec<_>>(),
        "sentence": sentence.unwrap_or_else(|n| n),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::workspace_root;

    fn plays(kind: &Kind) -> Vec<Play> {
        let file = format!("tests/snapshots/kernel__pipe__{}.snap", kind.name);
        let text = fs::read_to_string(workspace_root().join(file)).unwrap();
        played::parse(recorded(&text)).unwrap()
    }

    #[test]
    fn each_setting_was_recorded_and_no_other() {
        for kind in KINDS {
            let played: Vec<_> = plays(kind).into_iter().map(|play| play.settings).collect();
            let mut wanted = kind.settings();
            assert_eq!(played.len(), wanted.len());
            wanted.retain(|settings| !played.contains(settings));
            assert_eq!(wanted, Vec::<Vec<_>>::new(), "{}", kind.name);
        }
    }

    #[test]
    fn each_call_has_its_words_and_each_place_its_title() {
        for kind in KINDS {
            for play in plays(kind) {
                for (n, state) in play.states.iter().enumerate() {
                    let words = (kind.words)(&play, n);
                    assert!(!words.is_empty() && !words.contains(" 0,"), "{state}: {words}");
                    for (name, _) in &state.places {
                        assert!(kind.places.iter().any(|place| place.name == name), "{name}");
                    }
                    let runs = state.pipes.iter().flat_map(|pipe| &pipe.held);
                    for whose in runs.map(|run| run.whose.as_str()) {
                        let known = kind.places.iter().any(|place| place.name == whose);
                        assert!(known || ["copy", "left"].contains(&whose), "{whose}");
                    }
                }
            }
        }
    }

    #[test]
    fn without_a_script_the_first_setting_stands_there_state_by_state() {
        for kind in KINDS {
            let html = simulator(&workspace_root(), kind.name).unwrap();
            assert!(!html.contains("\n\n"), "an empty line ends the block");
            let (_, list) = html.split_once("<ol class=\"pipe-states\">").unwrap();
            let (list, script) = list.split_once("<script").unwrap();
            let first = &plays(kind)[0];
            assert_eq!(first.settings, kind.settings()[0]);
            let mut rest = list;
            for state in &first.states {
                let call = format!("{} = <b>{}</b>", escaped(&state.call), escaped(&state.result));
                rest = rest.split_once(&call).unwrap_or_else(|| panic!("{call}")).1;
                let copied = format!("copied so far: <b>{}</b> bytes", state.copied);
                rest = rest.split_once(&copied).unwrap_or_else(|| panic!("{copied}")).1;
                for pipe in &state.pipes {
                    let counts = format!(
                        "<b>{}</b> bytes in <b>{}</b> of {}",
                        pipe.bytes,
                        pipe.used(),
                        pipe.slots
                    );
                    rest = rest.split_once(&counts).unwrap_or_else(|| panic!("{counts}")).1;
                }
            }
            assert_eq!(list.matches("<div class=\"pipe-state\">").count(), first.states.len());

            let (_, json) = script.split_once('>').unwrap();
            let (json, _) = json.split_once("</script>").unwrap();
            let json: Value = serde_json::from_str(json).unwrap();
            for play in plays(kind) {
                let states = &json["plays"][key(&play.settings)];
                assert_eq!(states.as_array().unwrap().len(), play.states.len());
                assert_eq!(states[0]["call"], play.states[0].call);
            }
        }
    }

    #[test]
    fn each_fault_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let fault =
            |argument: &str| simulator(dir.path(), argument).unwrap_err().at("x.md", 1).to_string();
        assert!(fault("replay").contains("Nearest: reply"), "{}", fault("replay"));
        let missing = fault("reply");
        assert!(
            missing.contains("cannot read tests/snapshots/kernel__pipe__reply.snap"),
            "{missing}"
        );
        assert!(missing.contains("cargo xtask vm-test pipe:: --accept"), "{missing}");

        let file = dir.path().join("tests/snapshots/kernel__pipe__reply.snap");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "---\nsource: tests/pipe.rs\n---\na=b\nno state\n").unwrap();
        assert!(fault("reply").contains("no state of a pipe: \"no state\""), "{}", fault("reply"));
        fs::write(&file, "a=b\nc() = 0 | client 0 | copied 0\n").unwrap();
        assert!(
            fault("reply").contains("no play for patch short 16 shared no"),
            "{}",
            fault("reply")
        );
    }
}
