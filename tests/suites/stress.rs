//! Stress: many processes, few names (tests/stress.rs).

use std::fs;
use std::process::Stdio;

use crate::served::{Served, each_of_the_reference, full};
use crate::visitor::{output, program, stderr, stdout};

const PROCESSES: u64 = 8;

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite stress"]
fn on_memfs() {
    judge(Served::memfs());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite stress"]
fn on_mirror() {
    judge(Served::mirror());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite stress"]
fn on_spliced() {
    judge(Served::spliced());
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test --suite stress"]
fn on_reference() {
    each_of_the_reference(judge);
}

fn judge(served: Served) {
    for n in 0..3 {
        fs::create_dir(served.dir.join(format!("d{n}"))).unwrap();
    }
    let count = if full() { 20_000 } else { 200 };
    let processes: Vec<_> = (1..=PROCESSES)
        .map(|seed| {
            let mut stress = program("stress");
            stress.arg(&served.dir).args([seed.to_string(), count.to_string()]);
            stress.stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for process in processes {
        let ended = process.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", stderr(&ended));
    }
    let checked = output(program("stress").arg("check").arg(&served.dir));
    assert!(checked.status.success(), "{}", stderr(&checked));
    println!("{PROCESSES} processes, {count} operations each: {}", stdout(&checked));
    for n in 0..3 {
        fs::remove_dir_all(served.dir.join(format!("d{n}"))).unwrap();
    }
    assert_eq!(fs::read_dir(&served.dir).unwrap().count(), 0);
    served.end();
}
