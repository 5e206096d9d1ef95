//! What is in flight, and who wants to give up.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use step02_wire::Operation;
use step05_server::{Answer, Body, Handler, Owed, ReplyPath, Request, body_of_the_answer};

/// The requests that were read and not answered yet.
///
/// A request comes in through [`Interruptible`], and leaves with its answer: this is therefore a
/// [`ReplyPath`], around the one that it was made with.
pub struct Interrupts {
    outward: Arc<dyn ReplyPath>,
    in_flight: Mutex<HashMap<u64, InFlight>>,
}

// ANCHOR: in_flight
#[derive(Default)]
struct InFlight {
    interrupted: bool,
    tell: Vec<Box<dyn FnOnce() + Send>>,
}
// ANCHOR_END: in_flight

impl Interrupts {
    /// Of the requests that are answered along `outward`.
    pub fn new(outward: Arc<dyn ReplyPath>) -> Arc<Interrupts> {
        Arc::new(Interrupts { outward, in_flight: Mutex::default() })
    }

    fn table(&self) -> MutexGuard<'_, HashMap<u64, InFlight>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the client of the request `unique` want to give up? For operations that look up from their work
    /// now and then. The answer may be EINTR, or the result all the same: the kernel takes either.
    pub fn is_interrupted(&self, unique: u64) -> bool {
        self.table().get(&unique).is_some_and(|request| request.interrupted)
    }

    /// Calls `tell` when the client of the request `unique` wants to give up: at once, if it has wanted to
    /// already, and never, if the request is answered first.
    // ANCHOR: on_interrupt
    pub fn on_interrupt(&self, unique: u64, tell: impl FnOnce() + Send + 'static) {
        match self.table().get_mut(&unique) {
            Some(request) if !request.interrupted => {
                request.tell.push(Box::new(tell));
                return;
            }
            Some(_) => {}
            None => return,
        }
        // Not under the table's lock: it will want to answer.
        tell();
    }
    // ANCHOR_END: on_interrupt

    /// How many requests wait for their answers.
    pub fn in_flight(&self) -> usize {
        self.table().len()
    }

    /// INTERRUPT `itself` came, about the request `unique`.
    // ANCHOR: interrupt
    fn interrupt(&self, itself: u64, unique: u64) {
        let Some(tell) = self.table().get_mut(&unique).map(|request| {
            request.interrupted = true;
            std::mem::take(&mut request.tell)
        }) else {
            // Another worker has read that request and has not come this far; or it is answered already.
            // EAGAIN: if it still waits for an answer, the kernel interrupts it once more. If it does not,
            // this answer is unwanted, and that was all.
            let _ = self.outward.send(itself, Err(Errno::EAGAIN));
            return;
        };
        tell.into_iter().for_each(|tell| tell());
    }
    // ANCHOR_END: interrupt
}

impl ReplyPath for Interrupts {
    fn send(&self, unique: u64, reply: Result<&Answer, Errno>) -> io::Result<()> {
        // Dropped outside of the lock: it may hold what others have locked.
        let _answered = self.table().remove(&unique);
        self.outward.send(unique, reply)
    }
}

/// A layer: notes each request that wants an answer, and takes care of INTERRUPT.
pub struct Interruptible<H> {
    interrupts: Arc<Interrupts>,
    handler: H,
}

impl<H> Interruptible<H> {
    /// Around `handler`. Answers must leave through `interrupts`.
    pub fn new(interrupts: Arc<Interrupts>, handler: H) -> Interruptible<H> {
        Interruptible { interrupts, handler }
    }
}

// ANCHOR: layer
impl<H: Handler> Handler for Interruptible<H> {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        if let Operation::Interrupt { arg } = &request.operation {
            self.interrupts.interrupt(request.header.unique, arg.unique);
            return owed.nothing();
        }
        if body_of_the_answer(&request.operation) != Body::NoAnswer {
            self.interrupts.table().insert(owed.unique(), InFlight::default());
        }
        self.handler.handle(request, owed);
    }
}
// ANCHOR_END: layer
