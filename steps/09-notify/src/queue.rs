//! The safe way: hand it over, and go on.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::notifier::Notifier;

/// What there is to tell, and what to do when it was told.
type Errand = Box<dyn FnOnce(&Notifier) -> io::Result<()> + Send>;

/// Takes errands to the kernel, from anywhere, also from inside an operation.
///
/// It never waits. The operation's answer leaves, the kernel gives its locks back, and what waits for
/// them in the [`Courier`]'s thread gets through. Errands are done one by one, in the order in which they
/// came. How many may wait is not limited: who has something to tell ten thousand times a second should
/// say it once.
#[derive(Debug, Clone)]
pub struct Queue(Sender<Option<Errand>>);

/// The thread that does the errands of a [`Queue`]. Dropping it ends the thread.
///
/// Drop it when the session is over: from then on no notification waits for anything. Earlier, the drop
/// waits for one under way, and so for whoever must answer what it waits for.
#[derive(Debug)]
pub struct Courier {
    last: Sender<Option<Errand>>,
    thread: Option<JoinHandle<()>>,
}

impl Queue {
    /// Starts a thread that uses `notifier` for whoever has a copy of the queue.
    ///
    /// Call it after the session was mounted: the thread must not catch the signals that unmount.
    ///
    /// # Errors
    ///
    /// Where no thread can be started.
    pub fn start(notifier: Notifier) -> io::Result<(Queue, Courier)> {
        let (sender, errands) = channel();
        let deliver = move || deliver(&errands, &notifier);
        let thread = thread::Builder::new().name("courier".into()).spawn(deliver)?;
        Ok((Queue(sender.clone()), Courier { last: sender, thread: Some(thread) }))
    }

    /// Hands over an errand. After the session's end it is dropped: nobody is left to be told.
    // ANCHOR: put
    pub fn put(&self, errand: impl FnOnce(&Notifier) -> io::Result<()> + Send + 'static) {
        let _ = self.0.send(Some(Box::new(errand)));
    }
    // ANCHOR_END: put
}

// ANCHOR: deliver
/// Does one errand after the other, until `None` comes. One that fails or panics is told on stderr, and
/// the next is done.
fn deliver(errands: &Receiver<Option<Errand>>, notifier: &Notifier) {
    while let Ok(Some(errand)) = errands.recv() {
        if let Ok(Err(error)) = catch_unwind(AssertUnwindSafe(|| errand(notifier))) {
            eprintln!("cannot tell the kernel: {error}");
        }
    }
}
// ANCHOR_END: deliver

impl Drop for Courier {
    fn drop(&mut self) {
        let _ = self.last.send(None);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
