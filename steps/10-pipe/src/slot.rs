//! Memory for a header, which is changed after it went into a pipe.

use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::PAGE;

/// How many bytes a slot has: those of a reply's header (`struct fuse_out_header`).
pub const SLOT_SIZE: usize = 16;

/// 16 bytes that a pipe may refer to while we change them.
///
/// They are at the start of a page of their own, so that they never straddle two (that would take two
/// of a pipe's slots). The page is shared (`MAP_SHARED`), and written once before it is used. Private
/// memory would do only until somebody forks: then the kernel gives the next one who writes a *copy* of
/// the page, and the pipe keeps the old one.
#[derive(Debug)]
pub struct Slot {
    page: NonNull<u8>,
}

// SAFETY: the page belongs to the slot alone, and writing to it takes `&mut self`.
unsafe impl Send for Slot {}
// SAFETY: through `&self` it is only read.
unsafe impl Sync for Slot {}

impl Slot {
    /// All zeros.
    pub fn new() -> io::Result<Slot> {
        Slot::mapped(MapFlags::MAP_SHARED)
    }

    /// One that a fork spoils: for the experiment that shows it.
    #[doc(hidden)]
    pub fn private() -> io::Result<Slot> {
        Slot::mapped(MapFlags::MAP_PRIVATE)
    }

    // ANCHOR: mapped
    fn mapped(sharing: MapFlags) -> io::Result<Slot> {
        const LENGTH: NonZeroUsize = NonZeroUsize::new(PAGE).unwrap();
        let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping, at an address of the kernel's choice, touches no other memory.
        let page = unsafe { mmap_anonymous(None, LENGTH, access, sharing)? }.cast();
        let mut slot = Slot { page };
        // Until it is written, a page is one of zeros that all processes share.
        slot.set(&[0; SLOT_SIZE]);
        Ok(slot)
    }
    // ANCHOR_END: mapped

    /// What it holds.
    pub fn bytes(&self) -> &[u8; SLOT_SIZE] {
        // SAFETY: the page is mapped and readable for as long as `self` lives, and holds SLOT_SIZE
        // initialised bytes. Whoever writes has `&mut self`; the kernel only reads.
        unsafe { self.page.cast().as_ref() }
    }

    /// Changes it, also in a pipe that refers to it.
    pub fn set(&mut self, bytes: &[u8; SLOT_SIZE]) {
        // SAFETY: the page is mapped and writable for as long as `self` lives, and `&mut self` says that
        // nobody else in this process is looking at it. Volatile, since the kernel will look: the write
        // must really happen, here.
        unsafe { self.page.cast().write_volatile(*bytes) }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: the mapping is the slot's own, PAGE bytes long, and nobody can use it after this. A
        // pipe that still refers to the page keeps the page itself alive.
        let _ = unsafe { munmap(self.page.cast(), PAGE) };
    }
}
