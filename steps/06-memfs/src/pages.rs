//! What is in a file: pages, and holes between them.

use std::collections::BTreeMap;

use crate::space::{BLOCK, Space};

const PAGE: usize = BLOCK as usize;

/// The pages that were written, by their number. Between them are holes, which read as zeros and cost
/// nothing: `truncate -s 1T` is one small message.
#[derive(Debug, Default)]
pub struct Pages(BTreeMap<u64, Box<[u8; PAGE]>>);

/// A part of one page, and the same part of the caller's buffer.
struct Part {
    page: u64,
    start: usize,
    length: usize,
}

/// The pages that `length` bytes from `offset` on touch.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = Part> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let start = (at % BLOCK) as usize;
        let part = Part { page: at / BLOCK, start, length: (PAGE - start).min(length - done) };
        done += part.length;
        (part.length > 0).then_some(part)
    })
}

impl Pages {
    /// How many pages there are.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Reads `length` bytes from `offset` on; zeros where nothing was written. It is never fewer: where the
    /// file ends is its node's business.
    pub fn read(&self, offset: u64, length: usize) -> Vec<u8> {
        // EXERCISE: 06.2
        let mut bytes = Vec::with_capacity(length);
        for part in parts(offset, length) {
            match self.0.get(&part.page) {
                Some(page) => bytes.extend(&page[part.start..part.start + part.length]),
                None => bytes.resize(bytes.len() + part.length, 0),
            }
        }
        bytes
        // EXERCISE_END: 06.2
    }

    /// Writes as much of `data` as there is space for, and returns how much that was.
    // ANCHOR: write
    pub fn write(&mut self, offset: u64, data: &[u8], space: &mut Space) -> usize {
        let mut written = 0;
        for part in parts(offset, data.len()) {
            // Over a page that is there one can write in a full file system, too.
            if !self.0.contains_key(&part.page) && space.take(1).is_err() {
                break;
            }
            let page = self.0.entry(part.page).or_insert_with(|| Box::new([0; PAGE]));
            page[part.start..part.start + part.length]
                .copy_from_slice(&data[written..written + part.length]);
            written += part.length;
        }
        written
    }
    // ANCHOR_END: write

    /// Drops everything from byte `size` on: what grows there again reads as zeros.
    ///
    /// Pages that lie behind it as a whole go, and give their blocks back. A page that is cut stays, with
    /// zeros from there on. A hole stays a hole.
    pub fn truncate(&mut self, size: u64, space: &mut Space) {
        // EXERCISE: 06.3
        let beyond = self.0.split_off(&size.div_ceil(BLOCK));
        space.give_back(beyond.len() as u64);
        if let Some(page) = self.0.get_mut(&(size / BLOCK)) {
            page[(size % BLOCK) as usize..].fill(0);
        }
        // EXERCISE_END: 06.3
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hole_is_zeros_and_costs_nothing() {
        let (mut pages, mut space) = (Pages::default(), Space::new(10));
        assert_eq!(pages.write(1 << 40, b"far away", &mut space), 8);
        assert_eq!((pages.count(), space.taken()), (1, 1));
        let read = pages.read((1 << 40) - 2, 5);
        assert_eq!(read, b"\0\0far", "the end of a hole, and what is behind it");
        assert_eq!(pages.read(0, 5000), vec![0; 5000]);
    }

    #[test]
    fn a_full_file_system_takes_what_fits() {
        let (mut pages, mut space) = (Pages::default(), Space::new(2));
        let written = pages.write(100, &[7; 3 * PAGE], &mut space);
        assert_eq!(written, 2 * PAGE - 100, "two pages, both of the two that are free");
        assert_eq!(pages.write(2 * BLOCK, b"more", &mut space), 0);
        assert_eq!(pages.write(0, b"over what is there", &mut space), 18);
        assert_eq!(pages.read(4096, 2), [7, 7]);
        pages.truncate(BLOCK, &mut space);
        assert_eq!(space.free(), 1);
    }

    #[test]
    fn a_page_that_is_cut_has_zeros_behind_it() {
        let (mut pages, mut space) = (Pages::default(), Space::new(10));
        assert_eq!(pages.write(0, &[7; 3 * PAGE], &mut space), 3 * PAGE);
        pages.truncate(BLOCK + 3, &mut space);
        assert_eq!(pages.read(BLOCK, 6), [7, 7, 7, 0, 0, 0], "cut 3 bytes into the second page");
        assert_eq!((pages.count(), space.taken()), (2, 2), "the third page is gone");
        pages.truncate(BLOCK, &mut space);
        assert_eq!((pages.count(), space.taken()), (1, 1), "the second page is gone");
        assert_eq!(pages.read(BLOCK - 1, 2), [7, 0], "cut between two pages");
    }

    /// Bytes that differ from their neighbours.
    fn bytes(first: u8, length: usize) -> Vec<u8> {
        (0..length).map(|n| first.wrapping_add((n % 251) as u8)).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// The same as a vector would do, whatever is written, read and cut.
        #[test]
        fn it_is_a_vector_with_holes(steps in prop::collection::vec(
            (0_u64..40_000, any::<u8>(), 0_usize..9000, 0_u64..50_000), 1..20,
        )) {
            let (mut pages, mut space, mut vector) = (Pages::default(), Space::new(99), vec![]);
            for (offset, first, length, cut) in steps {
                let data = bytes(first, length);
                prop_assert_eq!(pages.write(offset, &data, &mut space), data.len());
                let end = offset as usize + data.len();
                vector.resize(vector.len().max(end), 0);
                vector[offset as usize..end].copy_from_slice(&data);
                prop_assert!(pages.read(0, vector.len()) == vector, "what was written");
                pages.truncate(cut, &mut space);
                vector.truncate(cut as usize);
                let beyond = pages.read(vector.len() as u64, 60_000);
                prop_assert!(beyond.iter().all(|byte| *byte == 0), "what lies behind a cut");
                prop_assert_eq!(space.taken(), pages.count());
            }
        }
    }
}
