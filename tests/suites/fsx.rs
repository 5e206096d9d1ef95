//! fsx: random reads, writes, maps and truncations of one file, each compared with what must be there.

use std::fs;

use crate::served::{Served, each_of_the_reference, full};
use crate::visitor::{output, program, stderr, stdout};

/// What it does, and how often. punch_hole is left out: to 7.14 fallocate(2) is unknown, so a hole
/// cannot be asked for, and fsx takes the refusal for a failure.
const CONFIGURATION: &str = "
flen = 262144
[weights]
read = 10
write = 10
mapread = 10
mapwrite = 10
truncate = 10
close_open = 2
invalidate = 2
fsync = 1
fdatasync = 1
sendfile = 3
posix_fadvise = 2
copy_file_range = 3
";

/// Where seeds begin: the number is of no importance, only that each run takes the same.
const SEED: u64 = 714;

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite fsx"]
fn on_memfs() {
    judge(Served::memfs());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite fsx"]
fn on_mirror() {
    judge(Served::mirror());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite fsx"]
fn on_spliced() {
    judge(Served::spliced());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite fsx"]
fn on_reference() {
    each_of_the_reference(judge);
}

fn judge(served: Served) {
    let configuration = served.dir.with_extension("toml");
    fs::write(&configuration, CONFIGURATION).unwrap();
    let (seeds, operations) = if full() { (3, 100_000) } else { (1, 10_000) };
    for seed in SEED..SEED + seeds {
        let mut fsx = program("fsx");
        fsx.arg("-f").arg(&configuration).args(["-S", &seed.to_string()]);
        fsx.args(["-N", &operations.to_string(), "-P"]).arg(served.dir.parent().unwrap());
        let run = output(fsx.arg(served.dir.join("file")));
        assert!(run.status.success(), "{fsx:?}\n{}{}", stdout(&run), stderr(&run));
        println!("{operations} operations with seed {seed}: no difference");
    }
    served.end();
}
