//! The suites: judges of the file systems of steps 06, 07, 12 and 13 that are not part of every run.
//!
//! `cargo xtask vm-test --suite NAME`. Like the tests of the steps they go through a real kernel, and
//! are kept out of a plain `cargo test`.

mod bulk;
#[path = "../described.rs"]
mod described;
mod fsx;
#[path = "../in_process.rs"]
mod in_process;
mod leaks;
#[path = "../loopback.rs"]
mod loopback;
#[path = "../mounted.rs"]
#[allow(dead_code)]
mod mounted;
mod pjdfstest;
mod real;
mod served;
mod stress;
#[path = "../visitor.rs"]
#[allow(dead_code)] // the suites use a part of it
mod visitor;
#[path = "../xattrs.rs"]
#[allow(dead_code)]
mod xattrs;
