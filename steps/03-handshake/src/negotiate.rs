//! What both sides agree on: a pure function, without a device.

use std::fmt;

use step02_wire::abi::{InitFlags, InitIn, InitOut, KERNEL_MINOR_VERSION, KERNEL_VERSION};

/// The oldest minor version that this server speaks: 7.12, of Linux 2.6.31.
///
/// Since then no struct that a kernel sends has changed its layout, and of those that a server sends
/// only `fuse_init_out`, where 7.13 put two numbers into a hole. Older kernels would want a second
/// set of structs.
pub const OLDEST_MINOR: u32 = 12;

/// The smallest `max_write` that the kernel accepts (`process_init_reply`, fs/fuse/inode.c), and the
/// largest WRITE it sends without BIG_WRITES: one page, in bytes.
const PAGE: u32 = 4096;
/// The largest WRITE that a kernel sends to a 7.14 server: 32 pages, in bytes.
const MOST: u32 = 32 * PAGE;

/// What a server would like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// Of the seven flags of 7.14, those that the server can live up to.
    pub flags: InitFlags,
    /// The most that the kernel may read ahead, in bytes.
    pub max_readahead: u32,
    /// The most data in one WRITE, in bytes.
    pub max_write: u32,
    /// The most background requests in flight; 0 leaves it to the kernel (12).
    pub max_background: u16,
    /// From how many of them on the kernel calls us congested; 0 leaves it to the kernel (9).
    pub congestion_threshold: u16,
}

impl Default for Wishes {
    /// Large requests (BIG_WRITES; `max_readahead` and `max_write` of 32 pages each, the most that a
    /// request carries), several READs at a time (ASYNC_READ), and no other flag. How many requests wait
    /// in the background is left to the kernel. POSIX_LOCKS stays out: without it the kernel keeps the
    /// locks, which is right for a server that has no table of locks.
    fn default() -> Wishes {
        // EXERCISE: 03.1
        Wishes {
            flags: InitFlags::ASYNC_READ | InitFlags::BIG_WRITES,
            max_readahead: MOST,
            max_write: MOST,
            max_background: 0,
            congestion_threshold: 0,
        }
        // EXERCISE_END: 03.1
    }
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// Both speak 7.`minor`: the smaller of the two minors.
    pub minor: u32,
    /// Offered by the kernel, wished by the server, and known to 7.14.
    pub flags: InitFlags,
    /// In bytes.
    pub max_readahead: u32,
    /// In bytes.
    pub max_write: u32,
    /// 0: the kernel's own number.
    pub max_background: u16,
    /// 0: the kernel's own number.
    pub congestion_threshold: u16,
}

/// How a negotiation ends, when it does not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Answer with [`Outcome::answer`], and serve.
    Agreed(Agreement),
    /// The kernel's major version is above ours. Answer with [`Outcome::answer`], which names ours;
    /// the kernel then sends INIT again, with that. So the header says. No kernel does it today.
    AskAgain,
}

/// Why the two cannot talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The kernel's major version is below 7.
    Major(u32),
    /// The kernel's minor version is below [`OLDEST_MINOR`].
    Minor(u32),
}

/// Finds what the kernel's offer and the server's wishes have in common.
// ANCHOR: negotiate
pub fn negotiate(offer: &InitIn, wishes: &Wishes) -> Result<Outcome, Refusal> {
    if offer.major > KERNEL_VERSION {
        return Ok(Outcome::AskAgain);
    }
    if offer.major < KERNEL_VERSION {
        return Err(Refusal::Major(offer.major));
    }
    if offer.minor < OLDEST_MINOR {
        return Err(Refusal::Minor(offer.minor));
    }
    // `all()` are the bits 0 to 6. A kernel of today offers some twenty more, and takes an echoed bit
    // at its word: MAX_PAGES (bit 22, 7.28), echoed in an answer of 24 bytes, has no page count
    // behind it, and the kernel cuts every READ down to one page.
    let flags = offer.flags & wishes.flags & InitFlags::all();
    let big_writes = flags.contains(InitFlags::BIG_WRITES);
    Ok(Outcome::Agreed(Agreement {
        minor: offer.minor.min(KERNEL_MINOR_VERSION),
        flags,
        max_readahead: wishes.max_readahead.min(offer.max_readahead),
        max_write: if big_writes { wishes.max_write.clamp(PAGE, MOST) } else { PAGE },
        max_background: wishes.max_background,
        congestion_threshold: wishes.congestion_threshold,
    }))
}
// ANCHOR_END: negotiate

impl Outcome {
    /// The body of the answer: 24 bytes, as 7.14 has it. Kernels of before 2.6.36 refuse a longer
    /// one; later kernels take a shorter one than theirs, and the rest as zero.
    ///
    /// Its major version is ours. After an agreement all else is as agreed, the minor version too. A
    /// kernel that shall ask again gets our two version numbers, and zeros.
    pub fn answer(&self) -> InitOut {
        // EXERCISE: 03.2
        let Outcome::Agreed(agreed) = self else {
            return InitOut {
                major: KERNEL_VERSION,
                minor: KERNEL_MINOR_VERSION,
                ..InitOut::default()
            };
        };
        InitOut {
            major: KERNEL_VERSION,
            minor: agreed.minor,
            max_readahead: agreed.max_readahead,
            flags: agreed.flags,
            max_background: agreed.max_background,
            congestion_threshold: agreed.congestion_threshold,
            max_write: agreed.max_write,
        }
        // EXERCISE_END: 03.2
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Major(major) => {
                write!(f, "the kernel speaks FUSE {major}, this server only {KERNEL_VERSION}")?
            }
            Refusal::Minor(minor) => write!(f, "the kernel speaks FUSE {KERNEL_VERSION}.{minor}")?,
        }
        write!(f, "; the oldest supported is {KERNEL_VERSION}.{OLDEST_MINOR}, of Linux 2.6.31")
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zerocopy::IntoBytes;

    fn offer(major: u32, minor: u32, flags: u32) -> InitIn {
        InitIn { major, minor, max_readahead: MOST, flags: InitFlags::from_bits_retain(flags) }
    }

    fn agreed(offer: &InitIn, wishes: &Wishes) -> Agreement {
        match negotiate(offer, wishes) {
            Ok(Outcome::Agreed(agreement)) => agreement,
            other => panic!("{offer:?}: {other:?}"),
        }
    }

    #[test]
    fn by_default_a_server_wishes_for_what_any_can_live_up_to() {
        let wishes = Wishes::default();
        assert_eq!(wishes.flags, InitFlags::ASYNC_READ | InitFlags::BIG_WRITES);
        assert_eq!((wishes.max_readahead, wishes.max_write), (MOST, MOST), "readahead, write");
        assert_eq!((wishes.max_background, wishes.congestion_threshold), (0, 0), "the kernel's");
    }

    #[test]
    fn the_smaller_minor_wins() {
        for (kernel, both) in [(12, 12), (13, 13), (14, 14), (15, 14), (41, 14), (u32::MAX, 14)] {
            let agreement = agreed(&offer(7, kernel, 0), &Wishes::default());
            assert_eq!(agreement.minor, both, "agreed with a kernel of 7.{kernel}");
            let answered = Outcome::Agreed(agreement).answer().minor;
            assert_eq!(answered, both, "answered to a kernel of 7.{kernel}");
        }
    }

    #[test]
    fn too_old_is_refused_with_what_would_do() {
        assert_eq!(negotiate(&offer(7, 11, 0), &Wishes::default()), Err(Refusal::Minor(11)));
        assert_eq!(negotiate(&offer(6, 99, 0), &Wishes::default()), Err(Refusal::Major(6)));
        assert_eq!(negotiate(&offer(0, 0, 0), &Wishes::default()), Err(Refusal::Major(0)));
        assert_eq!(
            Refusal::Minor(8).to_string(),
            "the kernel speaks FUSE 7.8; the oldest supported is 7.12, of Linux 2.6.31"
        );
    }

    #[test]
    fn a_newer_major_is_told_ours() {
        let outcome = negotiate(&offer(8, 0, u32::MAX), &Wishes::default()).unwrap();
        assert_eq!(outcome, Outcome::AskAgain);
        let answer = outcome.answer();
        assert_eq!((answer.major, answer.minor), (7, 14), "the version in the answer");
        // The kernel asks again with ours, and then both agree.
        assert_eq!(agreed(&offer(answer.major, answer.minor, 0), &Wishes::default()).minor, 14);
    }

    #[test]
    fn a_flag_takes_two_and_must_be_of_7_14() {
        let all = Wishes { flags: InitFlags::all(), ..Wishes::default() };
        assert_eq!(agreed(&offer(7, 41, u32::MAX), &all).flags.bits(), 0x7f);
        assert_eq!(agreed(&offer(7, 41, 0b11), &all).flags.bits(), 0b11);
        let unasked = Wishes { flags: InitFlags::from_bits_retain(1 << 22), ..Wishes::default() };
        assert_eq!(agreed(&offer(7, 41, u32::MAX), &unasked).flags.bits(), 0);
    }

    #[test]
    fn without_big_writes_a_write_is_a_page() {
        let big = InitFlags::BIG_WRITES.bits();
        let max_write = |flags, max_write| {
            agreed(&offer(7, 14, flags), &Wishes { max_write, ..Wishes::default() }).max_write
        };
        assert_eq!(max_write(0, MOST), PAGE);
        assert_eq!(max_write(big, MOST), MOST);
        assert_eq!(max_write(big, 1), PAGE, "the kernel would take 4096");
        assert_eq!(max_write(big, u32::MAX), MOST, "no request can carry more");
    }

    #[test]
    fn the_answer_is_the_24_bytes_of_7_14() {
        let answer = Outcome::Agreed(agreed(&offer(7, 14, u32::MAX), &Wishes::default())).answer();
        #[rustfmt::skip]
        assert_eq!(answer.as_bytes(), [
            7, 0, 0, 0,    14, 0, 0, 0,
            0, 0, 2, 0,    0x21, 0, 0, 0,
            0, 0, 0, 0,    0, 0, 2, 0,
        ], "{FIELDS}");
    }

    /// Of the answer, with their sizes in bytes.
    const FIELDS: &str = "major 4, minor 4, max_readahead 4, flags 4, max_background 2, \
                          congestion_threshold 2, max_write 4";

    #[test]
    fn each_number_has_its_own_place_in_the_answer() {
        let agreement = Agreement {
            minor: 13,
            flags: InitFlags::BIG_WRITES,
            max_readahead: 1,
            max_write: 2,
            max_background: 3,
            congestion_threshold: 4,
        };
        #[rustfmt::skip]
        assert_eq!(Outcome::Agreed(agreement).answer().as_bytes(), [
            7, 0, 0, 0,    13, 0, 0, 0,
            1, 0, 0, 0,    0x20, 0, 0, 0,
            3, 0, 4, 0,    2, 0, 0, 0,
        ], "{FIELDS}");
        #[rustfmt::skip]
        assert_eq!(Outcome::AskAgain.answer().as_bytes(), [
            7, 0, 0, 0,    14, 0, 0, 0,
            0, 0, 0, 0,    0, 0, 0, 0,
            0, 0, 0, 0,    0, 0, 0, 0,
        ], "{FIELDS}");
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_they_offered(
            minor in 12_u32.., readahead: u32, offered: u32, wished: u32, wished_readahead: u32, max_write: u32,
        ) {
            let offer = InitIn { major: 7, minor, max_readahead: readahead, flags: InitFlags::from_bits_retain(offered) };
            let wishes = Wishes {
                flags: InitFlags::from_bits_retain(wished),
                max_readahead: wished_readahead,
                max_write,
                ..Wishes::default()
            };
            let agreement = agreed(&offer, &wishes);
            prop_assert_eq!(agreement.flags.bits() & !(offered & wished & 0x7f), 0);
            prop_assert!(agreement.max_readahead <= readahead.min(wished_readahead));
            prop_assert!((PAGE..=MOST).contains(&agreement.max_write));
            prop_assert!(agreement.minor <= 14.min(minor));
        }
    }
}
