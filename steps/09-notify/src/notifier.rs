//! Messages that answer nothing.

use std::ffi::OsStr;
use std::io;
use std::sync::Arc;

use nix::libc;
use step01_device::Written;
use step02_wire::encode;
use step03_handshake::TracedDevice;

/// Tells the kernel what it did not ask for, and waits until the kernel has acted on it.
///
/// # Who may use it
///
/// **Only a thread that no answer depends on.** The kernel acts on a notification while our `write(2)`
/// waits, and takes locks for it that a request under way may hold:
///
/// * INVAL_INODE waits for each page that a READ is to fill (`invalidate_inode_pages2_range`,
///   mm/truncate.c), and writes back what a client changed by mmap(2): it waits for a WRITE.
/// * INVAL_ENTRY takes the lock of the directory (`fuse_reverse_inval_entry`, fs/fuse/dir.c), which a
///   LOOKUP, CREATE or UNLINK in it holds until it is answered.
///
/// Called from the thread that ought to answer, whatever it is answering just now, they may wait for
/// ever: and so deep in the kernel that not even SIGKILL ends the server. From inside an operation use a
/// [`Queue`](crate::Queue). Only [`Notifier::poll`] never waits.
#[derive(Debug, Clone)]
pub struct Notifier(Arc<TracedDevice>);

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The kernel has acted on it.
    Done,
    /// It knows nothing of that node or that name (ENOENT), so there was nothing to forget. The same before
    /// the handshake, and after the file system was unmounted. No fault.
    Unknown,
}

impl Notifier {
    /// Speaks to the kernel at the other end of this device.
    pub fn new(device: Arc<TracedDevice>) -> Notifier {
        Notifier(device)
    }

    /// NOTIFY_INVAL_INODE: forget the attributes of `node`, and its data from byte `off` on; `len` bytes of
    /// them, or all to the end where `len` is 0. Whole pages go.
    ///
    /// # Errors
    ///
    /// Where the kernel does not take the message. Waits; see [who may use it](Notifier#who-may-use-it).
    // ANCHOR: inval_inode
    pub fn inval_inode(&self, node: u64, off: i64, len: i64) -> io::Result<Told> {
        self.tell(&encode::notify_inval_inode(node, off, len))
    }
    // ANCHOR_END: inval_inode

    /// NOTIFY_INVAL_INODE: forget the attributes of `node`, and keep its data.
    ///
    /// # Errors
    ///
    /// As [`Notifier::inval_inode`]. It takes no lock of a page.
    pub fn inval_attributes(&self, node: u64) -> io::Result<Told> {
        self.tell(&encode::notify_inval_inode(node, -1, 0))
    }

    /// NOTIFY_INVAL_ENTRY: forget what `name` in the directory `parent` is, and also that it is nothing.
    ///
    /// # Errors
    ///
    /// ENOTDIR where `parent` is none, ENAMETOOLONG beyond 1024 bytes. Waits; see
    /// [who may use it](Notifier#who-may-use-it).
    pub fn inval_entry(&self, parent: u64, name: &OsStr) -> io::Result<Told> {
        self.tell(&encode::notify_inval_entry(parent, name))
    }

    /// NOTIFY_POLL: wake who waits in poll(2) for the open file that the kernel calls `kh`. It then asks
    /// POLL again.
    ///
    /// This one never waits. To the kernel no `kh` is wrong: one that it does not know wakes nobody
    /// (`fuse_notify_poll_wakeup`, fs/fuse/file.c).
    ///
    /// # Errors
    ///
    /// Where the kernel does not take the message.
    pub fn poll(&self, kh: u64) -> io::Result<Told> {
        self.tell(&encode::notify_poll(kh))
    }

    // ANCHOR: tell
    fn tell(&self, message: &[u8]) -> io::Result<Told> {
        match self.0.write_message(message) {
            Ok(Written::Taken) => Ok(Told::Done),
            Ok(Written::Unwanted) => Ok(Told::Unknown),
            // Linux 7.2 says so before INIT is answered and after the end, where others say ENOENT. That a
            // message of ours were malformed it cannot mean.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(Told::Unknown),
            Err(error) => Err(error),
        }
    }
    // ANCHOR_END: tell
}
