//! The device, with its conversation printed.

use std::fmt;
use std::io::{self, Write, stderr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Mutex;

use step01_device::{Device, ReadFault, Written};
use step02_wire::{Trace, TraceStyle};

/// A [`Device`] that prints every message on stderr as it happens, when it was asked to.
#[derive(Debug)]
pub struct TracedDevice {
    device: Device,
    trace: Option<Mutex<Trace>>,
}

impl TracedDevice {
    /// `None`: nothing is printed.
    pub fn new(device: Device, trace: Option<TraceStyle>) -> TracedDevice {
        TracedDevice { device, trace: trace.map(|style| Mutex::new(Trace::new(style))) }
    }

    /// As [`Device::read_message`].
    pub fn read_message<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], ReadFault> {
        let request = self.device.read_message(buffer)?;
        self.print(|trace| trace.request(request));
        Ok(request)
    }

    /// As [`Device::write_message`].
    // ANCHOR: write
    pub fn write_message(&self, message: &[u8]) -> io::Result<Written> {
        // Printed first: once the kernel has the answer its client may run, and print, ahead of us.
        self.print(|trace| trace.reply(message));
        self.device.write_message(message)
    }
    // ANCHOR_END: write

    /// Prints a message that went another way than through [`TracedDevice::write_message`]: `head` is its
    /// header, and `how` is put behind it.
    pub fn sent(&self, head: &[u8], how: fmt::Arguments<'_>) {
        self.print(|trace| format!("{}{how}", trace.reply_head(head)));
    }

    /// Prints a request that came another way than through [`TracedDevice::read_message`]. Of a WRITE its head
    /// will do.
    pub fn received(&self, head: &[u8]) {
        self.print(|trace| trace.request(head));
    }

    /// Prints a line of another kind.
    pub fn note(&self, line: fmt::Arguments<'_>) {
        self.print(|_| line.to_string());
    }

    /// Prints a line on stderr, if there is a trace. If not, `line` is not even called.
    ///
    /// `line` makes the text, without a newline, and has the trace to itself until that is written: so the
    /// lines stand in the order in which they were made. A line with its newline is one write(2). The
    /// server goes on without a word when stderr is gone, and so does the trace when another thread has
    /// panicked with the lock in its hands.
    fn print(&self, line: impl FnOnce(&mut Trace) -> String) {
        // EXERCISE: 03.3
        let Some(trace) = &self.trace else { return };
        let mut trace = trace.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // One write(2) for the whole line, so that no other writer can come between. If stderr is
        // gone, the server goes on without a trace.
        let _ = stderr().write_all(format!("{}\n", line(&mut trace)).as_bytes());
        // EXERCISE_END: 03.3
    }
}

/// For what goes to the device and comes from it in other ways than one message at a time.
impl AsFd for TracedDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::thread;

    #[test]
    fn the_trace_goes_on_after_a_panic_with_the_lock() {
        let device = Device::from(std::os::fd::OwnedFd::from(File::open("/dev/null").unwrap()));
        let traced = TracedDevice::new(device, Some(TraceStyle::Stable));
        let traced = &traced;
        thread::scope(|scope| {
            let panics = scope.spawn(|| traced.print(|_| panic!("this is meant to panic")));
            assert!(panics.join().is_err());
        });
        let mut made = false;
        traced.print(|_| {
            made = true;
            "the next line".to_owned()
        });
        assert!(made, "no line was made after the panic");
    }
}
