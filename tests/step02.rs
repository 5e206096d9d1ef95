//! Step 02: the same message, every byte with its name.

use kernel_tests::is_mounted;

use crate::recorded::{assert_recorded, books_dir, in_a_process_namespace};
use crate::visitor::{output, program, stderr, stdout};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn names_every_field_of_init() {
    let dir = books_dir();
    in_a_process_namespace();
    let output = output(program("step02-wire").arg("--trace=stable").arg(&dir));
    let shown = stdout(&output);
    assert!(output.status.success(), "{}", stderr(&output));
    for field in
        ["len", "opcode", "unique", "nodeid", "major", "minor", "max_readahead", "flags", "error"]
    {
        assert!(shown.contains(field), "no {field} in:\n{shown}");
    }
    assert!(stderr(&output).contains("→ #1 INIT("), "{}", stderr(&output));
    assert_recorded("step02__output", &shown);
    assert!(!is_mounted(&dir).unwrap());
}
