//! The loop.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use nix::errno::Errno;
use step02_wire::decode;

use crate::owed::Owed;
use crate::reply::ReplyPath;
use crate::request::{Request, RequestPath};
use crate::rules::{Body, body_of_the_answer};

/// The low door: sees each request whole, and has what is owed in its hands.
///
/// It may answer at once, or keep the [`Owed`] and return: the next request then comes, and the client
/// waits. Step 08 adds layers here.
pub trait Handler: Send + Sync {
    /// Handles one request.
    fn handle(&self, request: Request<'_>, owed: Owed);
}

impl<H: Handler + ?Sized> Handler for &H {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        (**self).handle(request, owed);
    }
}

/// Brings requests to the handler until the file system is unmounted.
///
/// A request that cannot be read is answered with EIO. So is one whose handler panics, and the session
/// lives on.
///
/// # Errors
///
/// When `inward` fails: the server cannot go on.
pub fn serve(
    inward: &mut dyn RequestPath,
    outward: &Arc<dyn ReplyPath>,
    handler: &dyn Handler,
) -> io::Result<()> {
    // ANCHOR: serve
    while let Some(mut message) = inward.next()? {
        let (header, operation) = match decode(message.head) {
            Ok(decoded) => decoded,
            Err(malformed) => {
                eprintln!("cannot read a request: {malformed}");
                if let Some(unique) = malformed.owed_answer() {
                    Owed::new(unique, Body::Exactly(0), Arc::clone(outward))
                        .answer(Err(Errno::EIO));
                }
                continue;
            }
        };
        let body = body_of_the_answer(&operation);
        let owed = Owed::new(header.unique, body, Arc::clone(outward));
        let payload = &mut *message.payload;
        let request = Request { header: &header, operation, payload };
        // Unwinding drops what is owed, and that answers. The panic has told its story on stderr.
        let _ = catch_unwind(AssertUnwindSafe(|| handler.handle(request, owed)));
    }
    // ANCHOR_END: serve
    Ok(())
}
