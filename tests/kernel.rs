//! The steps, tested from outside and through a real kernel: one file for each step.
//!
//! Every test here has `#[ignore = "needs a kernel: cargo xtask vm-test"]`. That keeps it out of a
//! plain `cargo test`, which says so; `cargo xtask vm-test` runs them all.

mod book;
mod coverage;
mod described;
mod followed;
mod in_bytes;
mod in_process;
mod loopback;
mod mounted;
mod pages;
mod pipe;
mod recorded;
mod signalled;
mod step01;
mod step02;
mod step03;
mod step04;
mod step05;
mod step06;
mod step07;
mod step08;
mod step09;
mod step10;
mod step11;
mod step12;
mod step13;
mod symptoms;
mod visitor;
mod xattrs;
