//! What a pipe went through, call by call: as the tests record it, and as the book plays it.
//!
//! A [`Play`] is a block of lines. The first names its settings, each further one is a [`State`]:
//!
//! ```text
//! strategy=patch data=short
//! vmsplice(header → pipe, 16) = 16 | memory 131088, client 0 | copied 0 | pipe 16 in 16: header 16 memory says 131088
//! ```

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, ensure};

/// One message on its way, with one choice of settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Play {
    /// What was chosen: name and value.
    pub settings: Vec<(String, String)>,
    /// How things stood after each call.
    pub states: Vec<State>,
}

/// How things stand after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The call.
    pub call: String,
    /// What it returned.
    pub result: String,
    /// Memory outside the pipes: its name, and how many bytes are there. The header's memory has the length
    /// that is written in it.
    pub places: Vec<(String, usize)>,
    /// How many bytes were copied up to now, by whomever.
    pub copied: usize,
    /// The pipes that are there.
    pub pipes: Vec<Pipe>,
}

/// How a pipe stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipe {
    /// What it is called.
    pub name: String,
    /// How many bytes are in it, as the kernel counts: FIONREAD.
    pub bytes: usize,
    /// How many slots it has.
    pub slots: usize,
    /// What is in them, from the front.
    pub held: Vec<Run>,
}

impl Pipe {
    /// How many slots are taken.
    pub fn used(&self) -> usize {
        self.held.iter().map(|run| run.times).sum()
    }
}

/// Slots that hold the same, one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// header, or data.
    pub what: String,
    /// How many bytes each of the slots refers to.
    pub bytes: usize,
    /// Whose memory a slot refers to; `copy`: the pipe's own.
    pub whose: String,
    /// The length that a header announces.
    pub says: Option<usize>,
    /// How many slots.
    pub times: usize,
}

impl fmt::Display for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = self.settings.iter().map(|(name, value)| format!("{name}={value}"));
        writeln!(f, "{}", settings.collect::<Vec<_>>().join(" "))?;
        self.states.iter().try_for_each(|state| writeln!(f, "{state}"))
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { call, result, places, copied, pipes } = self;
        let places: Vec<_> = places.iter().map(|(name, held)| format!("{name} {held}")).collect();
        write!(f, "{call} = {result} | {} | copied {copied}", places.join(", "))?;
        for Pipe { name, bytes, slots, held } in pipes {
            write!(f, " | {name} {bytes} in {slots}:")?;
            for (n, run) in held.iter().enumerate() {
                write!(f, "{} {run}", if n > 0 { "," } else { "" })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Run { what, bytes, whose, says, times } = self;
        write!(f, "{what} {bytes} {whose}")?;
        if let Some(says) = says {
            write!(f, " says {says}")?;
        }
        if *times > 1 {
            write!(f, " ×{times}")?;
        }
        Ok(())
    }
}

/// Reads a whole recording: plays, with an empty line between them.
pub fn parse(recording: &str) -> anyhow::Result<Vec<Play>> {
    let blocks = recording.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    blocks.map(|block| block.parse().with_context(|| format!("in the play\n{block}"))).collect()
}

impl FromStr for Play {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Play> {
        let (settings, states) = text.split_once('\n').context("it has no state")?;
        let setting = |pair: &str| {
            let (name, value) =
                pair.split_once('=').with_context(|| format!("{pair:?} is no setting"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        Ok(Play {
            settings: settings.split(' ').map(setting).collect::<anyhow::Result<_>>()?,
            states: states.lines().map(str::parse).collect::<anyhow::Result<_>>()?,
        })
    }
}

impl FromStr for State {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<State> {
        let parsed = || {
            let mut parts = line.split(" | ");
            let (call, result) = parts.next()?.rsplit_once(" = ")?;
            let place = |text: &str| {
                let (name, held) = text.rsplit_once(' ')?;
                Some((name.to_owned(), held.parse().ok()?))
            };
            Some(State {
                call: call.to_owned(),
                result: result.to_owned(),
                places: parts.next()?.split(", ").map(place).collect::<Option<_>>()?,
                copied: parts.next()?.strip_prefix("copied ")?.parse().ok()?,
                pipes: parts.map(pipe).collect::<Option<_>>()?,
            })
        };
        let state = parsed().with_context(|| format!("no state of a pipe: {line:?}"))?;
        for pipe in &state.pipes {
            let held: usize = pipe.held.iter().map(|run| run.bytes * run.times).sum();
            ensure!(held == pipe.bytes, "its slots hold {held} bytes: {line:?}");
            ensure!(pipe.used() <= pipe.slots, "more slots than there are: {line:?}");
        }
        Ok(state)
    }
}

/// `pipe 16 in 64: header 16 copy says 131088`
fn pipe(text: &str) -> Option<Pipe> {
    let (head, held) = text.split_once(':')?;
    let (head, slots) = head.rsplit_once(" in ")?;
    let (name, bytes) = head.rsplit_once(' ')?;
    let runs = held.split(", ").map(str::trim).filter(|run| !run.is_empty());
    Some(Pipe {
        name: name.to_owned(),
        bytes: bytes.parse().ok()?,
        slots: slots.parse().ok()?,
        held: runs.map(run).collect::<Option<_>>()?,
    })
}

fn run(text: &str) -> Option<Run> {
    let (text, times) = text.split_once(" ×").unwrap_or((text, "1"));
    let (text, says) = match text.split_once(" says ") {
        Some((text, says)) => (text, Some(says.parse().ok()?)),
        None => (text, None),
    };
    let mut words = text.split(' ');
    let mut word = || words.next();
    Some(Run {
        what: word()?.to_owned(),
        bytes: word()?.parse().ok()?,
        whose: word()?.to_owned(),
        says,
        times: times.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDING: &str = "\
strategy=patch data=short
read(file on the mount, 131072) = waits | memory 131088, client 0 | copied 0 | pipe 0 in 16:
splice(file → pipe, 131072) = 40000, then 0 (EndOfData) | memory 131088, client 0 | copied 0 | pipe 40016 in 16: header 16 memory says 131088, data 4096 cache ×9, data 3136 cache
header.len = 40016 | memory 40016, client 0 | copied 16

strategy=optimistic data=short
pipe2() = second pipe | client 0 | copied 16 | pipe 0 in 16: | second pipe 16 in 16: header 16 copy says 40016
";

    #[test]
    fn what_is_written_is_read_back() {
        let plays = parse(RECORDING).unwrap();
        assert_eq!(plays[0].states[1].pipes[0].used(), 11);
        assert_eq!(plays[1].states[0].pipes[1].name, "second pipe");
        let written: Vec<_> = plays.iter().map(Play::to_string).collect();
        assert_eq!(written.join("\n"), RECORDING);
    }

    #[test]
    fn a_state_that_does_not_add_up_is_refused() {
        for (from, to, expected) in [
            ("40016 in 16", "40015 in 16", "its slots hold 40016 bytes"),
            ("40016 in 16", "40016 in 10", "more slots than there are"),
            ("copied 16", "copied some", "no state of a pipe"),
            ("strategy=patch", "patch", "is no setting"),
        ] {
            let error = parse(&RECORDING.replace(from, to)).unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
    }
}
