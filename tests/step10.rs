//! Step 10: pipes. There is no FUSE in it, but a kernel: what a pipe does is the kernel's.

use crate::visitor::{output, program, stderr, stdout};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_experiments_end_as_the_book_says() {
    let run = output(&mut program("step10-pipe"));
    assert!(run.status.success(), "{}{}", stdout(&run), stderr(&run));
    insta::assert_snapshot!("experiments", stdout(&run));
}
