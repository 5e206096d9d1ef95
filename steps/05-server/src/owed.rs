//! Exactly one answer.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use nix::errno::Errno;

use crate::answer::Answer;
use crate::reply::ReplyPath;
use crate::rules::Body;

/// The answer that a request is owed.
///
/// It is a value, and both ways to use it consume it: so nobody can answer twice. Dropping it answers
/// EIO: so nobody can forget to. It may be kept and sent to another thread, and the client waits for as
/// long.
#[must_use = "dropping it answers EIO"]
// ANCHOR: owed
pub struct Owed {
    unique: u64,
    body: Body,
    path: Arc<dyn ReplyPath>,
    open: bool,
}
// ANCHOR_END: owed

impl Owed {
    /// What the request `unique` is owed, by the rules for `body`, along `path`.
    pub fn new(unique: u64, body: Body, path: Arc<dyn ReplyPath>) -> Owed {
        Owed { unique, body, path, open: body != Body::NoAnswer }
    }

    /// The number of the request.
    pub fn unique(&self) -> u64 {
        self.unique
    }

    /// Answers.
    ///
    /// An answer that the kernel would not take, since it is too long or has the wrong size, is caught
    /// here: the client gets EIO, and stderr the reason. So does one that cannot be sent.
    // ANCHOR: answer
    pub fn answer(mut self, reply: Result<Answer, Errno>) {
        let sent = match &reply {
            Ok(answer) if !self.fits(answer) => Err(io::Error::other(format!(
                "{} bytes are no answer, where the kernel wants {:?}",
                answer.max_len(),
                self.body
            ))),
            Ok(answer) => self.send(Ok(answer)),
            Err(errno) => self.send(Err(*errno)),
        };
        match sent {
            Ok(()) => self.open = false,
            // Still open: dropping it now answers EIO.
            Err(error) => eprintln!("cannot answer request {}: {error}", self.unique),
        }
    }
    // ANCHOR_END: answer

    /// Answers nothing: for FORGET and INTERRUPT, which want none.
    pub fn nothing(mut self) {
        // To any other request this would be a client that hangs.
        self.open = self.body != Body::NoAnswer;
    }

    /// From a descriptor may come less than was announced, which a limit allows.
    fn fits(&self, answer: &Answer) -> bool {
        self.body.allows(answer.max_len())
    }

    /// Sends a reply along the path. Where none is wanted, nothing is sent, and all is well.
    ///
    /// Whether the request is still open is neither asked nor changed here: that is the callers' work.
    ///
    /// # Errors
    ///
    /// The path's own. A panic on the way out is an error like any other: the request is still open.
    fn send(&self, reply: Result<&Answer, Errno>) -> io::Result<()> {
        // EXERCISE: 05.1
        if self.body == Body::NoAnswer {
            return Ok(());
        }
        catch_unwind(AssertUnwindSafe(|| self.path.send(self.unique, reply)))
            .unwrap_or_else(|_| Err(io::Error::other("the reply path panicked")))
        // EXERCISE_END: 05.1
    }
}

// ANCHOR: drop
impl Drop for Owed {
    fn drop(&mut self) {
        if self.open
            && let Err(error) = self.send(Err(Errno::EIO))
        {
            eprintln!("request {} stays unanswered: {error}", self.unique);
        }
    }
}
// ANCHOR_END: drop
