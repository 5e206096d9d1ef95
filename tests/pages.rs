//! Which pages of memory the cache of a file is made of.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::libc::{self, c_void};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

const PAGE: usize = 4096;

/// Maps a file for as long as `look` looks. It is not opened for that: to open a file of a FUSE server is
/// to drop its cache.
fn mapped<T>(file: &File, look: impl FnOnce(NonNull<c_void>, usize) -> T) -> T {
    let pages = file.metadata().unwrap().len() as usize / PAGE;
    let length = NonZeroUsize::new(pages * PAGE).unwrap();
    // SAFETY: a new mapping at an address of the kernel's choice touches no other memory.
    let at = unsafe { mmap(None, length, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, file, 0) };
    let at = at.unwrap();
    let seen = look(at, pages);
    // SAFETY: the mapping is ours, and nobody has kept a reference into it.
    unsafe { munmap(at, length.get()) }.unwrap();
    seen
}

/// The physical page behind each page of a file (proc_pid_pagemap(5); for root).
pub fn physical(file: &File) -> Vec<u64> {
    mapped(file, |at, pages| {
        for n in 0..pages {
            // SAFETY: it is within the mapping, which is readable. To read it is to have it mapped.
            unsafe { at.cast::<u8>().add(n * PAGE).read_volatile() };
        }
        let mut entries = vec![0; pages * 8];
        let first = (at.as_ptr() as usize / PAGE) as u64;
        File::open("/proc/self/pagemap").unwrap().read_exact_at(&mut entries, first * 8).unwrap();
        // Bits 0 to 54 are the number of the page.
        let page = |entry: &[u8]| u64::from_ne_bytes(entry.try_into().unwrap()) & ((1 << 55) - 1);
        entries.chunks(8).map(page).collect()
    })
}

/// How many pages of a file are in its cache (mincore(2)).
pub fn cached(file: &File) -> usize {
    mapped(file, |at, pages| {
        let mut resident = vec![0_u8; pages];
        // SAFETY: the mapping has `pages` pages, and the vector a byte for each.
        let done = unsafe { libc::mincore(at.as_ptr(), pages * PAGE, resident.as_mut_ptr()) };
        Errno::result(done).unwrap();
        resident.iter().filter(|byte| **byte & 1 == 1).count()
    })
}
