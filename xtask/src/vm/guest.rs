//! The programs that run in the guest. The kit's own are built static: a guest has no libraries, but those
//! that a program of the host's brings.

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use vm_init::{BIN_DIR, TESTS_DIR, WORKSPACE_DIR};
use xshell::{PushEnv, Shell, cmd};

use crate::steps::{self, workspace_root};
use crate::suite::Suite;
use crate::vm::carry::Carried;
use crate::vm::dynamic::libraries_of;
use crate::vm::initramfs::Initramfs;

/// The target is named though it is the host's: only then do the flags spare build scripts and
/// procedural macros, which must stay dynamic.
pub const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Programs of the kit's own beside the servers.
const TOOLS: [&str; 5] = ["visit", "guide", "stress", "follow", "locker"];
/// The examples of the reference.
const EXAMPLES: [&str; 3] = ["hello", "socket", "tar"];

/// The guest's users and groups, with the numbers that Debian gives them.
const PASSWD: &[u8] =
    b"root:x:0:0::/:\ndaemon:x:1:1::/:\nuser:x:1000:1000::/:\nnobody:x:65534:65534::/:\n";
const GROUP: &[u8] = b"root:x:0:\ndaemon:x:1:\nuser:x:1000:\nnogroup:x:65534:\n";

/// Where the built programs are.
pub struct Programs {
    init: PathBuf,
    /// The directory on the host that holds all the others.
    dir: PathBuf,
    bin: Vec<PathBuf>,
    /// Those of the reference, in a directory of their own.
    examples: Vec<PathBuf>,
    /// What programs of the host's need, to be at the same paths in the guest.
    libraries: BTreeSet<PathBuf>,
    /// A server that is not the kit's: its path in the guest, and what is in it there.
    server: Option<(String, Vec<u8>)>,
    /// What its tests have to be told.
    pub environment: Vec<(String, String)>,
    /// The test program.
    pub tests: PathBuf,
    /// Where all of it was built from.
    workspace: PathBuf,
}

/// What cargo could not build, and has said why. It may be the learner's to mend.
#[derive(Debug)]
pub struct CannotBuild(pub &'static str);

impl Display for CannotBuild {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "cannot build {}", self.0)
    }
}

/// Which test program goes into the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tests {
    /// The tests of the steps.
    OfTheSteps,
    /// The tests of the rig, most of which must fail.
    OfTheRig,
    /// The suites.
    Suites,
}

impl Tests {
    /// Those of a suite, or those of the steps.
    pub fn for_suite(suite: Option<Suite>) -> Tests {
        if suite.is_some() { Tests::Suites } else { Tests::OfTheSteps }
    }
}

/// What makes cargo link statically, for [`TARGET`].
pub fn statically(sh: &Shell) -> PushEnv<'_> {
    let flags = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS";
    sh.push_env(flags, "-C target-feature=+crt-static")
}

/// Builds pid 1, each step's server, the client and the tests: those of a workspace.
pub fn build(sh: &Shell, workspace: &Path, tests: Tests) -> anyhow::Result<Programs> {
    if !cfg!(target_arch = "x86_64") {
        bail!(
            "the VM is x86_64 only so far. On this machine's own kernel: cargo xtask run 04 MOUNTPOINT"
        );
    }
    let start = Instant::now();
    // A directory of its own, so that these flags do not make cargo build all else again.
    let _target = sh.push_env("CARGO_TARGET_DIR", "target/vm");
    let _static = statically(sh);
    // Small, since QEMU has to carry them in: nobody debugs in the guest.
    let _debug = sh.push_env("CARGO_PROFILE_DEV_DEBUG", "false");
    let _strip = sh.push_env("CARGO_PROFILE_DEV_STRIP", "debuginfo");
    let _opt = sh.push_env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
    eprintln!("building the guest's programs …");
    let ours = ["--target", TARGET, "--workspace", "--exclude", "xtask"];
    let mut select = &ours[..];
    let root = workspace_root();
    if workspace != root {
        // A learner's workspace has no xtask; and pid 1, which judges, must not stand on what it judges.
        let _there = sh.push_dir(&root);
        cmd!(sh, "cargo build {ours...} --bin vm-init").quiet().run()?;
        select = &ours[..3];
    }
    let _there = sh.push_dir(workspace);
    cmd!(sh, "cargo build {select...} --bins --examples")
        .quiet()
        .run()
        .context(CannotBuild("the guest's programs"))?;
    let messages = cmd!(
        sh,
        "cargo test {select...} --no-run --test kernel --test selftest --test suites --message-format json"
    )
    .quiet()
    .read()
    .context(CannotBuild("the tests"))?;
    let name = match tests {
        Tests::OfTheSteps => "kernel",
        Tests::OfTheRig => "selftest",
        Tests::Suites => "suites",
    };
    let tests = executable(&messages, name)
        .with_context(|| format!("cargo built no test program called {name}"))?;
    eprintln!("[built: {:.1} s]", start.elapsed().as_secs_f64());

    let built = |workspace: &Path| workspace.join("target/vm").join(TARGET).join("debug");
    let (init, dir) = (built(&root).join("vm-init"), built(workspace));
    let servers = steps::all(sh)?.into_iter().map(|step| step.package);
    let bin: Vec<_> = servers.chain(TOOLS.map(str::to_owned)).map(|name| dir.join(name)).collect();
    let examples = EXAMPLES.map(|name| dir.join("examples").join(name)).into();
    Ok(Programs {
        init,
        dir,
        bin,
        examples,
        libraries: BTreeSet::new(),
        server: None,
        environment: Vec::new(),
        tests,
        workspace: workspace.to_owned(),
    })
}

/// The path in cargo's message about the test program of this name.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = message.get("executable")?.as_str()?;
        (message["target"]["name"] == name).then(|| PathBuf::from(path))
    })
}

impl Programs {
    /// Puts the programs into the guest's root, and the snapshots where insta will look for them.
    pub fn pack(&self, sh: &Shell, initramfs: &mut Initramfs) -> anyhow::Result<()> {
        let mut program = |dir: &str, path: &Path| -> anyhow::Result<()> {
            let content =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // As it is on the host: fusermount3 is root's, whoever starts it.
            let set_uid = fs::metadata(path)?.permissions().mode() & 0o4000;
            initramfs.file(&format!("{dir}/{name}"), 0o755 | set_uid, &content)
        };
        for path in &self.bin {
            program(BIN_DIR, path)?;
        }
        for path in &self.examples {
            program(&format!("{BIN_DIR}/examples"), path)?;
        }
        program(TESTS_DIR, &self.tests)?;
        for path in &self.libraries {
            program(&path.parent().unwrap_or(Path::new("")).to_string_lossy(), path)?;
        }
        if let Some((path, content)) = &self.server {
            initramfs.file(path, 0o755, content)?;
        }
        let init =
            fs::read(&self.init).with_context(|| format!("cannot read {}", self.init.display()))?;
        initramfs.file("/init", 0o755, &init)?;
        // Users to act as, for tests of who may do what.
        initramfs.file("/etc/passwd", 0o644, PASSWD)?;
        initramfs.file("/etc/group", 0o644, GROUP)?;
        // fusermount3 looks into both: who may unmount what, and who may let others in.
        initramfs.link("/etc/mtab", "/proc/self/mounts")?;
        initramfs.file("/etc/fuse.conf", 0o644, b"# user_allow_other\n")?;

        let snapshots = self.workspace.join("tests/snapshots");
        if snapshots.exists() {
            for path in sh
                .read_dir(&snapshots)?
                .iter()
                .filter(|p| p.extension().is_some_and(|e| e == "snap"))
            {
                let inside = path.strip_prefix(&self.workspace)?;
                initramfs.file(
                    &format!("{WORKSPACE_DIR}/{}", inside.display()),
                    0o644,
                    &fs::read(path)?,
                )?;
            }
        }
        Ok(())
    }

    /// Adds one more program from the host, and what it needs; returns its path in the guest.
    pub fn add(&mut self, sh: &Shell, path: &Path) -> anyhow::Result<String> {
        ensure!(path.is_file(), "there is no program {}", path.display());
        self.libraries.extend(libraries_of(sh, path)?);
        self.bin.push(path.to_owned());
        Ok(format!("{BIN_DIR}/{}", path.file_name().unwrap_or_default().to_string_lossy()))
    }

    /// Adds a server that the tests are to start in place of a step's.
    pub fn carry(&mut self, server: Carried) {
        self.libraries.extend(server.files);
        self.environment.push(("SERVER_UNDER_TEST".into(), server.path.clone()));
        if !server.library_path.is_empty() {
            self.environment.push(("LD_LIBRARY_PATH".into(), server.library_path));
        }
        self.server = Some((server.path, server.content));
    }

    /// The directory on the host that holds them all.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Is a program of this name in the guest?
    pub fn has(&self, name: &str) -> bool {
        self.bin.iter().any(|path| path.file_name().is_some_and(|n| n == name))
    }
}
