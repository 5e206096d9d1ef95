//! What is open, by the handles that the kernel was given.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;

/// Open files, or open directories. A handle is never given twice.
#[derive(Debug)]
pub struct Handles<T>(Mutex<(u64, HashMap<u64, Arc<T>>)>);

impl<T> Handles<T> {
    /// None.
    pub fn new() -> Handles<T> {
        Handles(Mutex::new((0, HashMap::new())))
    }

    fn table(&self) -> MutexGuard<'_, (u64, HashMap<u64, Arc<T>>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A handle for what was opened: 1, 2, 3 …
    pub fn add(&self, open: T) -> u64 {
        let mut table = self.table();
        table.0 += 1;
        let handle = table.0;
        table.1.insert(handle, Arc::new(open));
        handle
    }

    /// # Errors
    ///
    /// EBADF: nothing is open under this handle.
    pub fn get(&self, handle: u64) -> Result<Arc<T>, Errno> {
        self.table().1.get(&handle).cloned().ok_or(Errno::EBADF)
    }

    /// Closes it, as soon as nobody is using it any more.
    pub fn release(&self, handle: u64) {
        self.table().1.remove(&handle);
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.table().1.len()
    }
}
