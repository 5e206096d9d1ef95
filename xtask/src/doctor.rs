//! `cargo xtask doctor`: what is here, what is missing, and the one command that mends each.

use std::fs::OpenOptions;
use std::path::Path;

use nix::unistd::geteuid;
use xshell::{Shell, cmd};

use crate::vm::kernel::{cached, matrix};
use crate::vm::qemu;
use crate::{Outcome, package};

/// Say what is here, what is missing, and the command that mends it.
#[derive(clap::Args)]
pub struct Arguments {}

/// What was found of one thing.
enum Finding {
    Here(String),
    /// Without it something does not work.
    Missing {
        what: String,
        mend: &'static str,
    },
    /// One can do without it.
    Optional {
        what: String,
        mend: &'static str,
    },
}

use Finding::{Here, Missing, Optional};

pub fn doctor(Arguments {}: Arguments) -> anyhow::Result<Outcome> {
    let sh = Shell::new()?;
    let mut outcome = Outcome::Good;
    let mut tell = |name: &str, finding: Finding| match finding {
        Here(what) => println!("  ok       {name:<16} {what}"),
        Optional { what, mend } => {
            println!("  -        {name:<16} {what}\n           {:<16} {mend}", "")
        }
        Missing { what, mend } => {
            outcome = Outcome::Bad;
            println!("  MISSING  {name:<16} {what}\n           {:<16} mend it: {mend}", "");
        }
    };
    println!("For every step:");
    tell("rust", version_of(&sh, "rustc", "curl --proto '=https' -sSf https://sh.rustup.rs | sh"));
    tell("C compiler", version_of(&sh, "cc", "sudo apt-get install gcc"));
    tell(
        "linux/fuse.h",
        file(
            "/usr/include/linux/fuse.h",
            "the kernel's header, for a test of step 02",
            "sudo apt-get install linux-libc-dev",
        ),
    );
    println!("For the VM (cargo xtask demo, test, vm-test):");
    tell("libc.a", static_libc(&sh));
    tell("QEMU", emulator(&sh));
    tell("KVM", kvm(&sh));
    let mend = "sudo apt-get install e2fsprogs";
    tell("mke2fs", foreign("mke2fs", "with which a test of step 12 makes an ext4", mend));
    let mend = "sudo apt-get install fuse3";
    tell("fusermount3", foreign("fusermount3", "which mounts for ordinary users", mend));
    for kernel in matrix()? {
        let here = cached(&kernel.series)?.exists();
        tell(
            &format!("kernel {}", kernel.series),
            match here {
                true => Here("fetched".into()),
                false => Optional {
                    what: "not fetched yet".into(),
                    mend: "comes by itself with: cargo xtask vm-test --kernel all",
                },
            },
        );
    }
    println!("For running a step on this machine's own kernel (cargo xtask run):");
    tell("/dev/fuse", device());
    tell(
        "root",
        match geteuid().is_root() {
            true => Here("you are".into()),
            false => Optional {
                what: "you are not, and mount(2) is for root".into(),
                mend: "put sudo before the command",
            },
        },
    );
    println!("For testing the book in a browser (cargo xtask book-test):");
    tell("chromium", browser_tool("chromium", "sudo apt-get install chromium"));
    tell("node", browser_tool("node", "sudo apt-get install nodejs"));
    tell("npm", browser_tool("npm", "sudo apt-get install npm"));
    println!("For reviewing snapshots:");
    let insta = cmd!(sh, "cargo insta --version").quiet().ignore_stderr().read();
    tell(
        "cargo-insta",
        match insta {
            Ok(version) => Here(version),
            Err(_) => Optional {
                what: "not installed; vm-test --accept does without".into(),
                mend: "cargo install cargo-insta",
            },
        },
    );
    Ok(outcome)
}

fn version_of(sh: &Shell, program: &str, mend: &'static str) -> Finding {
    match cmd!(sh, "{program} --version").quiet().ignore_stderr().read() {
        Ok(text) => Here(text.lines().next().unwrap_or_default().to_owned()),
        Err(_) => Missing { what: format!("there is no {program}"), mend },
    }
}

fn file(path: &str, what: &str, mend: &'static str) -> Finding {
    match Path::new(path).exists() {
        true => Here(path.to_owned()),
        false => Missing { what: format!("there is no {path}: {what}"), mend },
    }
}

/// The guest has no libraries, so its programs are linked with the static ones.
fn static_libc(sh: &Shell) -> Finding {
    let path =
        cmd!(sh, "cc -print-file-name=libc.a").quiet().ignore_stderr().read().unwrap_or_default();
    // Where there is none, cc gives the bare name back.
    match path.starts_with('/') {
        true => Here(path),
        false => {
            Missing { what: "no static C library".into(), mend: "sudo apt-get install libc6-dev" }
        }
    }
}

fn emulator(sh: &Shell) -> Finding {
    match qemu::version(sh) {
        Some(version) => Here(version),
        None => Missing {
            what: format!("there is no {}", qemu::PROGRAM),
            mend: "sudo apt-get install qemu-system-x86",
        },
    }
}

/// A program that the tests of a step run, in the guest too.
fn foreign(program: &str, what_for: &str, mend: &'static str) -> Finding {
    match package::find(program) {
        Some(path) => Here(path.display().to_string()),
        None => Missing { what: format!("there is no {program}, {what_for}"), mend },
    }
}

/// Only the book's tests need it, and root gets it by itself.
fn browser_tool(program: &str, mend: &'static str) -> Finding {
    match package::find(program) {
        Some(path) => Here(path.display().to_string()),
        None => {
            Optional { what: "not here; root gets it by itself when it is needed".into(), mend }
        }
    }
}

fn kvm(sh: &Shell) -> Finding {
    let emulated = |what: &str| Optional {
        what: what.to_owned(),
        mend: "not needed: guests are emulated, which takes some seconds more",
    };
    if OpenOptions::new().read(true).write(true).open("/dev/kvm").is_err() {
        return emulated("/dev/kvm cannot be opened");
    }
    match qemu::remembered_kvm(sh) {
        Some(true) => Here("a guest has booted with it".into()),
        Some(false) => emulated("/dev/kvm opens, but no guest has come up with it"),
        None => emulated("/dev/kvm opens, and has not been tried yet"),
    }
}

fn device() -> Finding {
    match OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        Ok(_) => Here("opens".into()),
        Err(error) => Optional {
            what: format!("cannot be opened: {error}"),
            mend: "sudo modprobe fuse, or run as root",
        },
    }
}
