//! To look into a pipe without changing it.
//!
//! `tee(2)` gives a second pipe the same slots, and that one is taken apart: a pipe of one slot takes one
//! slot's bytes at a time. What a slot refers to shows when the memory outside is changed: does the slot
//! follow?

use std::io::stdin;
use std::os::fd::AsFd;

use kernel_tests::played::{self, Run};
use step10_pipe::{Empty, Holding, PAGE, Pipe};

/// A pipe, whatever is in it.
pub enum Either {
    Empty(Pipe<Empty>),
    Holding(Pipe<Holding>),
}

impl Either {
    /// With its bytes in it, be they none.
    pub fn holding(self) -> Pipe<Holding> {
        match self {
            // Taking nothing calls nothing.
            Either::Empty(pipe) => pipe.take(stdin().as_fd(), None, 0).0,
            Either::Holding(pipe) => pipe,
        }
    }

    pub fn of(pipe: Pipe<Holding>) -> Either {
        if pipe.is_empty() { Either::Empty(pipe.emptied().unwrap()) } else { Either::Holding(pipe) }
    }
}

/// A pipe of so many slots.
pub fn pipe_of(slots: usize) -> Pipe<Empty> {
    let mut pipe = Pipe::new().unwrap();
    pipe.grow(slots * PAGE).unwrap();
    assert_eq!(pipe.slots().unwrap(), slots);
    pipe
}

/// The memory outside that slots may refer to.
pub trait Outside {
    /// Changes all of it; or back, the second time.
    fn invert(&mut self);
    /// What a slot at this place holds: header or data; whose memory it is, if it `follows`; and which
    /// length is written there.
    fn describe(&self, at: usize, bytes: &[u8], follows: bool) -> Run;
}

/// How a pipe stands.
pub fn look(name: &str, pipe: &Pipe<Holding>, outside: &mut dyn Outside) -> played::Pipe {
    let before = slots(pipe);
    let changed = if before.is_empty() {
        vec![]
    } else {
        outside.invert();
        let changed = slots(pipe);
        outside.invert();
        changed
    };
    let mut held: Vec<Run> = Vec::new();
    let mut at = 0;
    for (before, changed) in before.iter().zip(&changed) {
        let run = outside.describe(at, before, before != changed);
        at += before.len();
        match held.last_mut() {
            Some(last) if (Run { times: 1, ..last.clone() }) == run => last.times += 1,
            _ => held.push(run),
        }
    }
    let bytes = pipe.counted().unwrap();
    assert_eq!(bytes, at, "as the kernel counts, and slot by slot");
    played::Pipe { name: name.to_owned(), bytes, slots: pipe.slots().unwrap(), held }
}

/// What is in each slot.
fn slots(pipe: &Pipe<Holding>) -> Vec<Vec<u8>> {
    let mut slots = Vec::new();
    // As the kernel counts: a message that was refused may have been eaten.
    if pipe.counted().unwrap() == 0 {
        return slots;
    }
    let mut rest = pipe.share_with(pipe_of(pipe.slots().unwrap())).unwrap();
    assert_eq!(rest.len(), pipe.counted().unwrap(), "tee(2) shares all");
    let mut one = pipe_of(1);
    loop {
        let mut holding = Either::Empty(one).holding();
        let poured = rest.pour_into(&mut holding);
        let (bytes, empty) = holding.read_all().unwrap();
        slots.push(bytes);
        one = empty;
        match poured {
            Ok(_) => return slots,
            Err((left, _)) => rest = left,
        }
    }
}
