//! How things stand after a call, as HTML. pipe.js draws the same from the recording.

use std::fmt::Write;

use kernel_tests::played::{Pipe, Play, Run, State};
use serde_json::{Value, json};

use super::Kind;
use crate::book::html::escaped;

/// Memory outside the pipes.
pub struct Place {
    /// What the recording calls it.
    pub name: &'static str,
    /// What the page calls it.
    pub title: &'static str,
    /// Its number is the length that is written there.
    pub says: bool,
    /// Above the pipes is what slots may refer to, below where data go.
    pub above: bool,
    /// header, or data: which colour it has.
    pub what: &'static str,
}

/// The places' names and titles, for pipe.js.
pub fn names(kind: &Kind) -> Value {
    let place = |place: &Place| {
        json!({"name": place.name, "title": place.title, "says": place.says, "above": place.above,
               "what": place.what})
    };
    kind.places.iter().map(place).collect()
}

/// The n-th state of a play.
pub fn state(kind: &Kind, play: &Play, n: usize) -> String {
    let state = &play.states[n];
    let mut html = format!(
        "<div class=\"pipe-state\">\n\
         <p class=\"pipe-call\"><samp>{} = <b>{}</b></samp></p>\n\
         <p class=\"pipe-copied\">copied so far: <b>{}</b> bytes</p>\n",
        escaped(&state.call),
        escaped(&state.result),
        state.copied
    );
    html += &places(kind, state, true);
    // As many as there ever are: so nothing jumps.
    let most = play.states.iter().map(|state| state.pipes.len()).max().unwrap_or(0);
    for n in 0..most {
        match state.pipes.get(n) {
            Some(there) => html += &pipe(kind, there),
            None => {
                let slots = play.states.iter().find_map(|state| state.pipes.get(n));
                let (name, slots) = slots.map_or(("pipe", 16), |pipe| (&pipe.name, pipe.slots));
                let _ = writeln!(
                    html,
                    "<div class=\"pipe-pipe gone\"><ol class=\"pipe-slots\" aria-hidden=\"true\">{}</ol>\
                     <p class=\"pipe-name\">{name}: not there</p><p class=\"pipe-held\"></p></div>",
                    "<li></li>".repeat(slots)
                );
            }
        }
    }
    html += &places(kind, state, false);
    let _ = writeln!(
        html,
        "<p class=\"pipe-sentence\">{}</p>\n</div>",
        escaped(&(kind.words)(play, n))
    );
    html
}

fn places(kind: &Kind, state: &State, above: bool) -> String {
    let below = if above { "" } else { " below" };
    let mut html = format!("<div class=\"pipe-places{below}\">");
    for place in kind.places.iter().filter(|place| place.above == above) {
        let Some((_, held)) = state.places.iter().find(|(name, _)| name == place.name) else {
            continue;
        };
        let ours = |pipe: &Pipe| {
            let runs = pipe.held.iter().filter(|run| run.whose == place.name);
            runs.map(|run| run.times).sum::<usize>()
        };
        let slots: usize = state.pipes.iter().map(ours).sum();
        let class = match (above, *held > 0) {
            // An arrow leads from the first pipe.
            (true, _) if state.pipes.first().is_some_and(|pipe| ours(pipe) > 0) => " on near",
            (true, _) if slots > 0 => " on",
            (false, true) => " full",
            _ => "",
        };
        let held = if place.says { format!("says {held}") } else { format!("{held} bytes") };
        let _ = write!(
            html,
            "<div class=\"pipe-place {}{class}\"><span class=\"pipe-title\">{}</span> <b>{held}</b>",
            place.what, place.title
        );
        if above {
            let _ = write!(html, "<span class=\"pipe-wire\">{}</span>", wire(slots));
        }
        html += "</div>";
    }
    html + "</div>\n"
}

/// The arrow from the slots that refer to a place.
fn wire(slots: usize) -> String {
    match slots {
        0 => "no slot refers to it".into(),
        1 => "↑ 1 slot refers to it".into(),
        _ => format!("↑ {slots} slots refer to it"),
    }
}

fn pipe(kind: &Kind, pipe: &Pipe) -> String {
    let used = pipe.used();
    let mut html =
        "<div class=\"pipe-pipe\"><ol class=\"pipe-slots\" aria-hidden=\"true\">".to_owned();
    for Run { what, bytes, whose, times, .. } in &pipe.held {
        let class = if matches!(whose.as_str(), "copy" | "left") { whose } else { "refers" };
        html += &format!("<li class=\"{what} {class}\"><span>{bytes}</span></li>").repeat(*times);
    }
    html += &"<li></li>".repeat(pipe.slots - used);
    let held: Vec<_> = pipe.held.iter().map(|run| held(kind, run)).collect();
    let held = if held.is_empty() { "nothing".into() } else { held.join("; ") };
    let _ = writeln!(
        html,
        "</ol><p class=\"pipe-name\">{}: <b>{}</b> bytes in <b>{used}</b> of {} slots</p>\
         <p class=\"pipe-held\">{held}</p></div>",
        pipe.name, pipe.bytes, pipe.slots
    );
    html
}

/// `header 16 bytes, says 131088: reference to header’s memory`
fn held(kind: &Kind, run: &Run) -> String {
    let Run { what, bytes, whose, says, times } = run;
    let times = if *times > 1 { format!("{times} × ") } else { String::new() };
    let says = says.map_or(String::new(), |says| format!(", says {says}"));
    let place = kind.places.iter().find(|place| place.name == whose);
    let from = match (whose.as_str(), place) {
        ("left", _) => "a page that was left behind".to_owned(),
        (_, Some(place)) => format!("reference to {}", place.title),
        _ => "copy".to_owned(),
    };
    format!("{what} {times}{bytes} bytes{says}: {from}")
}
