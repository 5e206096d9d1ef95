//! The file systems under judgement.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

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

    /// No server: what a judge says of tmpfs shows which complaints are not about us.
    pub fn tmpfs() -> Served {
        let source = Mounted::tmpfs("mnt");
        let dir = source.0.clone();
        open_the_way(&dir);
        Served { server: None, dir, source: Some(source) }
    }

    fn start(name: &str, before: &[&Path], source: Option<Mounted>) -> Served {
        let dir = fresh_dir("mnt");
        let mut command = program(name);
        command.args(before).arg(&dir).arg("--allow-other").stdout(Stdio::null());
        let server = Some(Server::start(command, &dir).unwrap());
        open_the_way(&dir);
        Served { server, dir, source }
    }

    /// Ends it. The server must say that all went well.
    pub fn end(self) {
        if let Some(server) = self.server {
            assert!(server.interrupt().unwrap().success());
        }
        drop(self.source);
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
