//! Servers under test: started on a mount point, watched, stopped. Nothing here looks into a server:
//! any program that is called as `SERVER MOUNTPOINT` will do. [`conversation`] reads what was said.

pub mod conversation;

pub mod played;

use std::env;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::mount::{MntFlags, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a server may take to mount, and to end. An emulated guest on a loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where the steps' programs and `visit` are: the guest's /bin, or what `STEP_BIN_DIR` says.
pub fn programs() -> PathBuf {
    env::var_os("STEP_BIN_DIR").map_or_else(|| "/bin".into(), PathBuf::from)
}

/// A running server with a mount. Dropping it kills the server, and unmounts for it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    dir: PathBuf,
}

impl Server {
    /// Starts `command`, which will mount on `dir`, and waits until it has.
    ///
    /// From then on every call on `dir` waits for the server by itself: no other sign is needed.
    pub fn start(mut command: Command, dir: &Path) -> anyhow::Result<Server> {
        let program = command.get_program().to_string_lossy().into_owned();
        // Opened first: the poll then tells of every change after this.
        let mounts =
            File::open("/proc/self/mountinfo").context("cannot open /proc/self/mountinfo")?;
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        let mut server = Server { child, dir: dir.to_owned() };
        let deadline = Instant::now() + PATIENCE;
        while !is_mounted(dir)? {
            if let Some(status) = server.child.try_wait()? {
                bail!("{program} ended ({status}) and mounted nothing on {}", dir.display());
            }
            if Instant::now() > deadline {
                bail!(
                    "{program} mounted nothing on {} within {} s",
                    dir.display(),
                    PATIENCE.as_secs()
                );
            }
            // The kernel reports a change of the mounts as an error condition (proc_pid_mounts(5)).
            // The timeout is for a server that dies instead.
            let mut change = [PollFd::new(mounts.as_fd(), PollFlags::POLLPRI)];
            poll(&mut change, PollTimeout::from(50_u16)).context("cannot wait for a mount")?;
        }
        Ok(server)
    }

    /// The server's process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Ctrl-C: sends SIGINT and waits for the end.
    pub fn interrupt(mut self) -> anyhow::Result<ExitStatus> {
        kill(self.pid(), Signal::SIGINT).context("cannot signal the server")?;
        self.wait()
    }

    /// SIGKILL, which no server survives and none can clean up after.
    pub fn kill(mut self) -> anyhow::Result<ExitStatus> {
        self.child.kill().context("cannot kill the server")?;
        Ok(self.child.wait()?)
    }

    /// Waits for the server to end by itself.
    pub fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("the server still runs after {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself must have unmounted by itself: whatever is there now stays,
        // and the guest's pid 1 finds it.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            let _ = umount2(&self.dir, MntFlags::MNT_DETACH);
        }
    }
}

/// Is something mounted on `dir` (absolute, without symbolic links and white space)?
pub fn is_mounted(dir: &Path) -> anyhow::Result<bool> {
    Ok(device_number(dir)?.is_some())
}

/// The device number of what is mounted on `dir`, `0:42`, by the kernel's list: a server that is asked
/// nothing needs to answer nothing.
pub fn device_number(dir: &Path) -> anyhow::Result<Option<String>> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo")
        .context("cannot read /proc/self/mountinfo")?;
    // The last that was mounted there is the one that is seen.
    Ok(mounts.lines().rev().find_map(|line| {
        let fields: Vec<_> = line.split(' ').collect();
        (Path::new(fields.get(4)?) == dir).then(|| fields[2].to_owned())
    }))
}
