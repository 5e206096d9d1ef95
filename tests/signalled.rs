//! Clients that are sent a signal, and go on.

use std::os::unix::thread::JoinHandleExt;
use std::thread::JoinHandle;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

extern "C" fn nothing(_: libc::c_int) {}

/// From now on SIGUSR1 interrupts system calls of this process, and does nothing else.
pub fn handle_signals() {
    // Without SA_RESTART: what waits returns.
    let handler = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing, which is allowed at any time.
    unsafe { sigaction(Signal::SIGUSR1, &handler) }.unwrap();
}

/// SIGUSR1 for a thread.
pub fn signal<T>(thread: &JoinHandle<T>) {
    // SAFETY: a thread that has not been joined exists, also if it has ended.
    unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR1) };
}
