//! Is all of protocol 7.14 tested through a kernel? What was seen is compared with the protocol's own lists:
//! an opcode, a flag of INIT or a flag of OPEN that nothing here provokes fails a test. (For the bytes of
//! each see steps/02-wire/tests/recorded.rs, for the notifications step09.rs.)

mod flags;
mod opcodes;

use std::path::Path;
use std::sync::{Arc, Mutex};

use nix::mount::{MntFlags, umount2};
use step02_wire::abi::InitFlags;
use step03_handshake::Wishes;
use step05_server::{Handler, Owed, Request, Session};
use step08_threads::{Interruptible, Interrupts};

use crate::in_process::while_served;
use crate::step08::workers::{by_many, interrupts_of};

/// What came: the opcode, and the arguments as they are printed.
type Seen = Arc<Mutex<Vec<(u32, String)>>>;

/// Notes each request, and hands it on.
struct Noting<H>(Seen, H);

impl<H: Handler> Handler for Noting<H> {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        let told = format!("{:?}", request.operation);
        self.0.lock().unwrap().push((request.header.opcode, told));
        self.1.handle(request, owed);
    }
}

/// Serves a session with two workers while `visit` runs. Returns what came.
fn seen_by<H: Handler>(
    session: Session,
    flags: InitFlags,
    handler: impl FnOnce(&Arc<Interrupts>) -> H,
    visit: impl FnOnce(&Path, &Seen),
) -> Vec<(u32, String)> {
    let seen = Seen::default();
    let dir = session.path().to_owned();
    let interrupts = interrupts_of(&session);
    let layers = Interruptible::new(Arc::clone(&interrupts), handler(&interrupts));
    let handler = Noting(Arc::clone(&seen), layers);
    let wishes = Wishes { flags, ..Wishes::default() };
    while_served(
        &dir,
        || by_many(session, 2, &wishes, &interrupts, &handler),
        |dir| {
            visit(dir, &seen);
            // A plain umount(2), which says DESTROY to a disk's file system.
            umount2(dir, MntFlags::empty()).unwrap();
        },
    );
    std::mem::take(&mut *seen.lock().unwrap())
}
