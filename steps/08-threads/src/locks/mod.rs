//! Locks that wait.

mod ranges;
mod table;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::libc;
use step02_wire::Operation;
use step02_wire::abi::{FileLock, LkIn, LkOut, LockFlags, ReleaseIn};
use step05_server::{Answer, Handler, Owed, Request};

use crate::interrupts::Interrupts;
use ranges::Lock;
use table::{Family, Table};

/// `FUSE_RELEASE_FLOCK_UNLOCK`: a flag of 7.17, which kernels set for every server.
const FLOCK_UNLOCK: u32 = 1 << 1;

/// A layer: keeps the locks of fcntl(2) and flock(2), which a 7.14 kernel leaves to the server once both
/// have agreed on POSIX_LOCKS. The handler below sees none of them.
///
/// Its open files should have handles of their own, none of them 0: the locks of an open file description
/// (F_OFD_SETLK) go with its handle.
///
/// A local file system finds out if two processes wait for each other, and tells one of them (EDEADLK). To
/// do so it must know all owners of all locks on the machine; a server knows its own. Here they wait until a
/// signal comes.
pub struct Locks<H> {
    table: Arc<Mutex<Table<Owed>>>,
    interrupts: Arc<Interrupts>,
    handler: H,
}

impl<H> Locks<H> {
    /// Around `handler`, without any locks. `interrupts` tells when somebody does not want to wait any more.
    pub fn new(interrupts: Arc<Interrupts>, handler: H) -> Locks<H> {
        Locks { table: Arc::new(Mutex::new(Table::new())), interrupts, handler }
    }

    /// Serves those that `change` has let go on.
    fn change(&self, node: u64, change: impl FnOnce(&mut Table<Owed>)) {
        let served = {
            let mut table = locked(&self.table);
            change(&mut table);
            table.served(node)
        };
        // Not under the table's lock.
        served.into_iter().for_each(|owed| owed.answer(Ok(Answer::empty())));
    }

    /// GETLK: the lock that is in the way of the one asked for, by its range, its kind (F_RDLCK or F_WRLCK)
    /// and the process that took it. If none is: what was asked for, with the type F_UNLCK.
    fn get(&self, node: u64, arg: &LkIn) -> FileLock {
        // EXERCISE: 08.4
        let wanted = wanted(arg);
        match locked(&self.table).conflict(node, family(arg), &wanted) {
            None => FileLock { r#type: libc::F_UNLCK as u32, ..arg.lk },
            Some(Lock { start, end, exclusive, pid, .. }) => {
                let kind = if exclusive { libc::F_WRLCK } else { libc::F_RDLCK };
                FileLock { start, end, r#type: kind as u32, pid }
            }
        }
        // EXERCISE_END: 08.4
    }

    fn set(&self, node: u64, arg: &LkIn, waits: bool, owed: Owed) {
        let (family, wanted) = (family(arg), wanted(arg));
        if arg.lk.r#type == libc::F_UNLCK as u32 {
            self.change(node, |table| {
                table.unlock(node, family, wanted.owner, wanted.start, wanted.end);
            });
            return owed.answer(Ok(Answer::empty()));
        }
        // ANCHOR: wait
        let mut table = locked(&self.table);
        let granted = table.lock(node, family, wanted);
        if granted || !waits {
            drop(table);
            // A lock for reading in place of one for writing lets others go on.
            self.change(node, |_| {});
            return owed.answer(if granted { Ok(Answer::empty()) } else { Err(Errno::EAGAIN) });
        }
        // Nobody answers now. What is owed waits in the table, and this thread goes back to its work.
        let unique = owed.unique();
        table.wait(node, family, wanted, unique, owed);
        drop(table);
        // Weak: a table that has gone has answered all that was in it.
        let table = Arc::downgrade(&self.table);
        self.interrupts.on_interrupt(unique, move || {
            let owed = table.upgrade().and_then(|table| locked(&table).give_up(node, unique));
            if let Some(owed) = owed {
                owed.answer(Err(Errno::EINTR));
            }
        });
        // ANCHOR_END: wait
        self.change(node, |_| {});
    }
}

fn locked(table: &Mutex<Table<Owed>>) -> MutexGuard<'_, Table<Owed>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

fn family(arg: &LkIn) -> Family {
    if arg.lk_flags.contains(LockFlags::FLOCK) { Family::Flock } else { Family::Posix }
}

fn wanted(arg: &LkIn) -> Lock {
    let FileLock { start, end, r#type, pid } = arg.lk;
    let exclusive = r#type == libc::F_WRLCK as u32;
    Lock { start, end, exclusive, owner: arg.owner, pid, handle: arg.fh }
}

// ANCHOR: layer
impl<H: Handler> Handler for Locks<H> {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        let node = request.header.nodeid;
        match &request.operation {
            Operation::Getlk { arg } => {
                owed.answer(Ok(Answer::of(&LkOut { lk: self.get(node, arg) })));
            }
            Operation::Setlk { arg } => self.set(node, arg, false, owed),
            Operation::Setlkw { arg } => self.set(node, arg, true, owed),
            Operation::Flush { arg } => {
                self.change(node, |table| table.close(node, arg.lock_owner));
                self.handler.handle(request, owed);
            }
            Operation::Release { arg } => {
                self.change(node, |table| table.release(node, arg.fh, flock_owner(arg)));
                self.handler.handle(request, owed);
            }
            _ => self.handler.handle(request, owed),
        }
    }
}
// ANCHOR_END: layer

/// Who unlocks by closing, if this open file has ever been locked by flock(2).
fn flock_owner(arg: &ReleaseIn) -> Option<u64> {
    (arg.release_flags.bits() & FLOCK_UNLOCK != 0).then_some(arg.lock_owner)
}
