//! Is all of protocol 7.14 tested through a kernel? What was seen is compared with the protocol's own lists:
//! an opcode, a flag of INIT or a flag of OPEN that nothing here provokes fails a test. (For the bytes of
//! each see steps/02-wire/tests/recorded.rs, for the notifications step09.rs.)

mod flags;
mod opcodes;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use nix::mount::{MntFlags, umount2};
use step02_wire::abi::InitFlags;
use step03_handshake::Wishes;
use step05_server::{Handler, Owed, ReadPath, ReplyPath, Request, Session, WritePath};
use step08_threads::{Interruptible, Interrupts, serve_many};

use crate::mounted::Mounted;

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
    let device = Arc::clone(session.device());
    let interrupts = Interrupts::new(Arc::new(WritePath::new(Arc::clone(&device))));
    let outward: Arc<dyn ReplyPath> = Arc::clone(&interrupts) as _;
    let layers = Interruptible::new(Arc::clone(&interrupts), handler(&interrupts));
    let handler = Noting(Arc::clone(&seen), layers);
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let wishes = Wishes { flags, ..Wishes::default() };
            session.agree(&wishes).unwrap().unwrap();
            let mut inward = || Box::new(ReadPath::new(Arc::clone(&device))) as _;
            serve_many(session, 2.try_into().unwrap(), &mut inward, &outward, &handler)
        });
        // Also if the visit fails: the scope waits for the server.
        let mounted = Mounted(dir.clone());
        visit(&dir, &seen);
        // A plain umount(2), which says DESTROY to a disk's file system.
        umount2(&dir, MntFlags::empty()).unwrap();
        server.join().unwrap().unwrap();
        drop(mounted);
    });
    std::mem::take(&mut *seen.lock().unwrap())
}
