//! What a user of `fuse714` gets with it, and that it works.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// What the libraries of the steps may use, and what that uses.
const ALLOWED: [&str; 13] = [
    "bitflags",
    "cfg-if",
    "consumer",
    "fuse714",
    "libc",
    "memoffset",
    "nix",
    "zerocopy",
    // zerocopy's derive, which runs at build time.
    "zerocopy-derive",
    "proc-macro2",
    "quote",
    "syn",
    "unicode-ident",
];

#[test]
fn it_brings_nothing_but_what_the_libraries_use() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--manifest-path",
        ])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"step11-splice-reply"), "{tree}");
    for name in names {
        let is_step = name.starts_with("step");
        assert!(is_step || ALLOWED.contains(&name), "{name} should not be here:\n{tree}");
    }
}

#[test]
#[ignore = "needs a kernel, and root"]
fn it_serves() {
    let dir = std::env::temp_dir().join(format!("consumer-{}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_consumer"))
        .arg(&dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let read = || fs::read_to_string(dir.join("count"));
    let seen = (said, read(), read());
    let stopped = Command::new("umount").arg(&dir).status().unwrap();
    let ended = server.wait().unwrap();
    fs::remove_dir(&dir).unwrap();
    assert_eq!(seen.0, "mounted\n");
    assert_eq!((seen.1.unwrap(), seen.2.unwrap()), ("1\n".into(), "2\n".into()));
    assert!(stopped.success() && ended.success());
}
