//! The file systems under judgement.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kernel_tests::Server;

use crate::mounted::Mounted;
use crate::visitor::{fresh_dir, program};

/// A mounted file system, for everybody to write to.
pub struct Served {
    /// None: a tmpfs, which the kernel serves itself.
    server: Option<Server>,
    /// Where it is mounted.
    pub dir: PathBuf,
    /// What is mirrored.
    source: Option<Mounted>,
}

impl Served {
    /// Step 06.
    pub fn memfs() -> Served {
        Served::start("step06-memfs", &[], None)
    }

    /// Step 07, over a tmpfs.
    pub fn mirror() -> Served {
        let source = Mounted::tmpfs("source");
        let path = source.0.clone();
        Served::start("step07-mirror", &[&path], Some(source))
    }

    /// Step 12, over a tmpfs: the mirror, spliced both ways.
    pub fn spliced() -> Served {
        let source = Mounted::tmpfs("source");
        let path = source.0.clone();
        Served::start("step12-splice-request", &[&path], Some(source))
    }

    /// `fuse714 mirror`, over a tmpfs, in one of [`WAYS`].
    pub fn reference(way: &[&str]) -> Served {
        let source = Mounted::tmpfs("source");
        let path = source.0.clone();
        let mut command = program("fuse714");
        command.args(["mirror", "-f", "-o", "allow_other"]).args(way).arg(path);
        Served::started(command, Some(source))
    }

    /// `fuse714 mem`, with 8 workers.
    pub fn reference_in_memory() -> Served {
        let mut command = program("fuse714");
        command.args(["mem", "-f", "-o", "allow_other", "--workers", "8"]);
        Served::started(command, None)
    }

    /// No server: what a judge says of tmpfs shows which complaints are not about us.
    pub fn tmpfs() -> Served {
        let source = Mounted::tmpfs("mnt");
        let dir = source.0.clone();
        open_the_way(&dir);
        Served { server: None, dir, source: Some(source) }
    }

    fn start(name: &str, before: &[&Path], source: Option<Mounted>) -> Served {
        let mut command = program(name);
        command.arg("--allow-other").args(before);
        Served::started(command, source)
    }

    /// The mount point goes behind what is there.
    fn started(mut command: Command, source: Option<Mounted>) -> Served {
        let dir = fresh_dir("mnt");
        command.arg(&dir).stdout(Stdio::null());
        let server = Some(Server::start(command, &dir).unwrap());
        open_the_way(&dir);
        Served { server, dir, source }
    }

    /// Ends it. The server must say that all went well.
    pub fn end(self) {
        if let Some(server) = self.server {
            assert!(server.interrupt().unwrap().success());
        }
        if let Some(source) = self.source {
            let dir = source.0.clone();
            drop(source);
            fs::remove_dir(dir).unwrap();
        }
        // Where there is no server, that was it.
        let _ = fs::remove_dir(&self.dir);
    }
}

/// How the reference is judged: by one worker and by eight, by splice both ways and by copying.
pub const WAYS: [&[&str]; 4] = [
    &["--workers", "1", "--splice", "always"],
    &["--workers", "1", "--splice", "never"],
    &["--workers", "8", "--splice", "always"],
    &["--workers", "8", "--splice", "never"],
];

/// Each way of the reference under judgement, and its memory. In a guest those with eight workers only: what
/// one worker does, steps 06, 07 and 12 do with theirs.
pub fn each_of_the_reference(judge: impl Fn(Served)) {
    let ways = if full() { &WAYS[..] } else { &WAYS[2..] };
    for way in ways {
        println!("mirror {}", way.join(" "));
        judge(Served::reference(way));
    }
    if full() {
        println!("mem");
        judge(Served::reference_in_memory());
    }
}

/// Other users come through the test's own directory, and write in the root.
fn open_the_way(dir: &Path) {
    fs::set_permissions(dir.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(dir, Permissions::from_mode(0o777)).unwrap();
}

/// How much work: all of it on a machine's own kernel, a part where the processor is emulated.
pub fn full() -> bool {
    std::env::var_os("SUITE_SIZE").is_some_and(|size| size == "full")
}
