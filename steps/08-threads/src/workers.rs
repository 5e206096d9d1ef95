//! A loop of several workers.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;

use step05_server::{Handler, ReplyPath, RequestPath, ServeError, Session, serve};

/// One worker for each processor that this process may use, and two at least: one that is busy must not
/// stop all.
pub fn default_workers() -> NonZeroUsize {
    let processors = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    processors.max(NonZeroUsize::MIN.saturating_add(1))
}

/// Serves with `workers` threads, until the file system is unmounted. The handshake is over by then
/// ([`Session::agree`]).
///
/// Each worker has a way in of its own, which `inward` makes, and all read from one device: the kernel
/// gives each request to one of them. All answer along `outward`.
///
/// # Errors
///
/// The first that a worker meets. Then the file system is unmounted, and the others end, too.
// ANCHOR: serve_many
pub fn serve_many(
    session: Session,
    workers: NonZeroUsize,
    inward: &mut dyn FnMut() -> Box<dyn RequestPath>,
    outward: &Arc<dyn ReplyPath>,
    handler: &dyn Handler,
) -> Result<(), ServeError> {
    thread::scope(|scope| {
        // Dropped before the scope waits for its threads, also by the `?` below: that unmounts, and a
        // worker that waits in read(2) is told.
        let session = session;
        let (end, ends) = channel();
        for number in 1..=workers.get() {
            let (mut inward, end) = (inward(), end.clone());
            let work = move || {
                // Nobody listens any more where another has failed already.
                let _ = end.send(serve(&mut *inward, outward, handler));
            };
            thread::Builder::new().name(format!("worker {number}")).spawn_scoped(scope, work)?;
        }
        // The workers have the only senders now: none is left when all have ended.
        drop(end);
        let first = ends.recv().unwrap_or(Ok(()));
        drop(session);
        Ok(first.and_then(|()| ends.iter().collect())?)
    })
}
// ANCHOR_END: serve_many
