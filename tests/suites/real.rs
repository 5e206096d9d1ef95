//! Real programs: git, cargo, sqlite3 and tar do what they always do.

use std::fs::{self, File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::stat::{Mode, SFlag, makedev, mknod, utimes};
use nix::sys::time::TimeVal;
use nix::unistd::mkfifo;

use crate::described::describe;
use crate::mounted::Mounted;
use crate::served::{Served, WAYS};
use crate::visitor::{fresh_dir, output, stderr, stdout};
use crate::xattrs;

#[test]
#[ignore = "needs this machine's kernel: cargo xtask vm-test --host --suite real"]
fn on_memfs() {
    judge(Served::memfs());
}

#[test]
#[ignore = "needs this machine's kernel: cargo xtask vm-test --host --suite real"]
fn on_mirror() {
    judge(Served::mirror());
}

#[test]
#[ignore = "needs this machine's kernel: cargo xtask vm-test --host --suite real"]
fn on_spliced() {
    judge(Served::spliced());
}

#[test]
#[ignore = "needs this machine's kernel: cargo xtask vm-test --host --suite real"]
fn on_reference() {
    judge(Served::reference(WAYS[2]));
}

fn judge(served: Served) {
    git(&served.dir);
    cargo(&served.dir);
    sqlite3(&served.dir);
    tar(&served.dir);
    served.end();
}

/// Runs a program in `dir` to its good end; returns what it printed.
fn run(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    let run = output(command.args(arguments).current_dir(dir).stdin(Stdio::null()));
    assert!(run.status.success(), "{command:?}\n{}{}", stdout(&run), stderr(&run));
    stdout(&run)
}

/// A repository is cloned, changed, packed and pushed back.
fn git(dir: &Path) {
    let origin = fresh_dir("origin");
    let me = ["-c", "user.name=A Tester", "-c", "user.email=tester@example.org"];
    let commit = |dir: &Path, message: &str| {
        run(dir, "git", &["add", "."]);
        run(dir, "git", &[&me[..], &["commit", "--quiet", "-m", message]].concat());
    };
    run(&origin, "git", &["init", "--quiet", "--initial-branch", "main"]);
    for n in 0..40 {
        let below = origin.join(format!("dir {}", n % 5));
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join(format!("file {n}")), format!("line {n}\n").repeat(n * 100)).unwrap();
        commit(&origin, &format!("commit {n}"));
    }
    run(&origin, "git", &["config", "receive.denyCurrentBranch", "updateInstead"]);
    let url = format!("file://{}", origin.display());
    run(dir, "git", &["clone", "--quiet", &url, "clone"]);
    let clone = dir.join("clone");
    assert_eq!(run(&clone, "git", &["status", "--porcelain"]), "");
    run(&clone, "git", &["mv", "dir 1", "dir moved"]);
    fs::write(clone.join("file new"), "new").unwrap();
    commit(&clone, "a commit in the clone");
    run(&clone, "git", &["gc", "--quiet", "--aggressive", "--prune=now"]);
    run(&clone, "git", &["fsck", "--strict", "--full"]);
    run(&clone, "git", &["push", "--quiet"]);
    assert_eq!(run(&origin, "git", &["rev-list", "--count", "HEAD"]), "41\n");
    assert_eq!(run(&clone, "git", &["status", "--porcelain"]), "");
    println!("git: cloned, changed, packed and pushed");
}

/// A small crate is built, changed and built again.
fn cargo(dir: &Path) {
    let krate = dir.join("small");
    fs::create_dir_all(krate.join("src")).unwrap();
    let manifest =
        "[package]\nname = \"small\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(krate.join("Cargo.toml"), manifest).unwrap();
    for word in ["one", "another"] {
        let program = format!("fn main() {{\n    println!(\"{word}\");\n}}\n");
        fs::write(krate.join("src/main.rs"), program).unwrap();
        // In the file system, wherever the machine's own builds go.
        run(&krate, "cargo", &["build", "--quiet", "--offline", "--target-dir", "target"]);
        assert_eq!(run(&krate, "./target/debug/small", &[]), format!("{word}\n"));
    }
    println!("cargo: built twice, and what was built runs");
}

/// A database in WAL mode, which lives by locks and shared memory, with several who write.
fn sqlite3(dir: &Path) {
    let create = "pragma journal_mode = wal; create table log (writer int, n int);";
    assert_eq!(run(dir, "sqlite3", &["log.db", create]), "wal\n");
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let insert = |n| format!("insert into log values ({writer}, {n});");
            let script: String = (0..50).map(insert).collect();
            let mut sqlite3 = Command::new("sqlite3");
            sqlite3.args(["-bail", "-cmd", ".timeout 60000", "log.db", &script]).current_dir(dir);
            sqlite3.stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for writer in writers {
        let ended = writer.wait_with_output().unwrap();
        assert!(ended.status.success(), "sqlite3: {}", stderr(&ended));
    }
    let check = "pragma integrity_check; select count(*), count(distinct n) from log;";
    assert_eq!(run(dir, "sqlite3", &["log.db", check]), "ok\n200|50\n");
    println!("sqlite3: 4 writers, 200 rows, in WAL mode");
}

/// A tree is packed, unpacked here, packed here, and unpacked where it came from.
fn tar(dir: &Path) {
    let tmpfs = Mounted::tmpfs("trees");
    let (original, back) = (tmpfs.0.join("original"), tmpfs.0.join("back"));
    for dir in [&original, &back] {
        fs::create_dir(dir).unwrap();
    }
    plant(&original);
    let there = dir.join("there");
    fs::create_dir(&there).unwrap();
    for (from, to) in [(&original, &there), (&there, &back)] {
        let archive = tmpfs.0.join("archive.tar");
        let (archive, from, to) =
            (archive.to_str().unwrap(), from.to_str().unwrap(), to.to_str().unwrap());
        let all = ["--format=posix", "--xattrs", "--numeric-owner", "--sparse"];
        run(dir, "tar", &[&all[..], &["-cf", archive, "-C", from, "."]].concat());
        run(dir, "tar", &[&all[..], &["-xpf", archive, "-C", to, "--same-owner"]].concat());
    }
    let expected = describe(&original);
    assert_eq!(expected.len(), 16);
    assert_eq!(describe(&there), expected);
    assert_eq!(describe(&back), expected);
    println!("tar: {} files there and back, all alike", expected.len());
}

/// Some of everything that tar can carry.
fn plant(dir: &Path) {
    let in_dir = |name: &str| dir.join(name);
    fs::create_dir_all(in_dir("a/b/empty")).unwrap();
    fs::write(in_dir("a/file"), "text").unwrap();
    fs::write(in_dir("a/large"), "many words ".repeat(100_000)).unwrap();
    fs::hard_link(in_dir("a/file"), in_dir("a/b/link")).unwrap();
    fs::hard_link(in_dir("a/file"), in_dir("link")).unwrap();
    symlink("../nowhere", in_dir("a/symlink")).unwrap();
    mkfifo(&in_dir("fifo"), Mode::S_IRWXU).unwrap();
    mknod(&in_dir("device"), SFlag::S_IFCHR, Mode::S_IRUSR, makedev(1, 3)).unwrap();
    let mut sparse = File::create(in_dir("sparse")).unwrap();
    sparse.seek(SeekFrom::Start(1 << 20)).unwrap();
    sparse.write_all(b"behind the hole").unwrap();
    sparse.set_len(2 << 20).unwrap();
    for (name, mode) in [("setuid", 0o4755), ("nobody's", 0), ("shared", 0o2770)] {
        if name == "shared" {
            fs::create_dir(in_dir(name)).unwrap();
        } else {
            fs::write(in_dir(name), name).unwrap();
        }
        lchown(in_dir(name), Some(1234), Some(567)).unwrap();
        fs::set_permissions(in_dir(name), Permissions::from_mode(mode)).unwrap();
    }
    fs::write(in_dir("a name with spaces, ä and \n"), "").unwrap();
    lchown(in_dir("a/symlink"), Some(12), Some(34)).unwrap();
    for name in ["a/file", "a", "nobody's"] {
        xattrs::set(&in_dir(name), "user.colour", b"blue\0green", 0).unwrap();
    }
    for (seconds, name) in ["a/file", "sparse", "fifo", "a/b/empty", "a/b", "a"].iter().enumerate()
    {
        utimes(&in_dir(name), &TimeVal::new(1, 0), &TimeVal::new(seconds as i64, 123_456)).unwrap();
    }
}
