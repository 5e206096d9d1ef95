//! The book names functions of the kernel. Each must be one.

use std::collections::HashSet;
use std::fs;

use crate::recorded::series;

/// `name = "file"`, below `[functions]`.
const TABLE: &str = include_str!("../book/kernel.toml");

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_kernel_has_the_functions_that_the_book_names() {
    let version = TABLE.lines().find_map(|line| line.strip_prefix("version = ")).unwrap();
    let (_, functions) = TABLE.split_once("[functions]").unwrap();
    if version.trim_matches('"') != series() {
        println!("the table is of {version}, this kernel of {}: not compared", series());
        return;
    }
    // A compiler may have split a function up: `fuse_get_req.isra.0` is still fuse_get_req.
    let symbols = fs::read_to_string("/proc/kallsyms").unwrap();
    let functions_of_the_kernel: HashSet<_> =
        symbols.lines().filter_map(|line| line.split([' ', '\t', '.']).nth(2)).collect();
    let named = functions.lines().filter_map(|line| Some(line.split_once(" = ")?.0));
    let missing: Vec<_> = named.filter(|name| !functions_of_the_kernel.contains(name)).collect();
    assert!(missing.is_empty(), "not in this kernel: {missing:?}");
}
