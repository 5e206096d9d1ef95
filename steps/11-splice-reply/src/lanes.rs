//! What an answer needs on its way: kept, and used again.

use std::io;
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use step10_pipe::{Empty, PAGE, Pipe, Slot};

/// An empty pipe, and the memory for its header.
#[derive(Debug)]
pub struct Lane {
    pub pipe: Pipe<Empty>,
    pub slot: Slot,
    /// How many slots the pipe has.
    pub slots: usize,
}

/// Lanes that are free. One is made when none is; so there are as many as answers at one time.
#[derive(Debug)]
pub struct Lanes {
    free: Mutex<Vec<Lane>>,
    /// The room that each pipe asks for, in bytes.
    room: usize,
}

impl Lanes {
    /// None yet. Each asks for so many slots.
    pub fn of(slots: usize) -> Lanes {
        Lanes { free: Mutex::new(Vec::new()), room: slots * PAGE }
    }

    /// A free one, or a new one, whose pipe may have fewer slots than it asks for (see [`new_pipe`]).
    ///
    /// # Errors
    ///
    /// No memory for a header, or no pipe: EMFILE, ENFILE.
    pub fn take(&self) -> io::Result<Lane> {
        // EXERCISE: 11.3
        if let Some(lane) = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop() {
            return Ok(lane);
        }
        let slot = Slot::new()?;
        let pipe = new_pipe(self.room)?;
        let slots = pipe.slots()?;
        Ok(Lane { pipe, slot, slots })
        // EXERCISE_END: 11.3
    }

    /// One that is empty again. A lane in doubt does not come back.
    pub fn give_back(&self, lane: Lane) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(lane);
    }
}

/// A pipe with so much room, or as much as may be had: a smaller one is good for smaller answers.
pub fn new_pipe(room: usize) -> io::Result<Pipe<Empty>> {
    let mut pipe = Pipe::new()?;
    match pipe.grow(room) {
        Err(error) if error.raw_os_error() != Some(Errno::EPERM as i32) => Err(error),
        _ => Ok(pipe),
    }
}

/// The slots that an answer takes: one for the header, one for each page that is touched.
pub const fn slots_for(offset: u64, len: usize) -> usize {
    1 + ((offset % PAGE as u64) as usize + len).div_ceil(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_touched_page_takes_a_slot() {
        assert_eq!(slots_for(0, 128 << 10), 33);
        assert_eq!(slots_for(1, 128 << 10), 34);
        assert_eq!(slots_for(4095, 2), 3);
        assert_eq!(slots_for(4096, 0), 1);
    }

    #[test]
    fn a_lane_is_used_again() {
        let lanes = Lanes::of(slots_for(1, 128 << 10));
        let lane = lanes.take().unwrap();
        assert_eq!(lane.slots, 64, "34 were asked for, and the kernel gives a power of two");
        let address = std::ptr::from_ref(lane.slot.bytes());
        lanes.give_back(lane);
        let again = std::ptr::from_ref(lanes.take().unwrap().slot.bytes());
        assert_eq!(again, address, "a lane was free, and another one was made");
    }
}
