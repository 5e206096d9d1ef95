//! The shell that a chapter's reader would type into: one bash, a deadline for each command.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::interrupt;

/// How often we look whether something has happened that nobody reports.
const TICK: Duration = Duration::from_millis(100);
/// How long a server may take to end after SIGINT.
const TO_END: Duration = Duration::from_secs(10);

/// Takes a kind, the name of a file for the output, and a command, each ended by a NUL; answers with
/// a line: an exit status, or the process id of what runs in the background. A command that must
/// succeed and fails ends the shell, as `-e` says.
const LOOP: &str = r#"
while IFS= read -r -d '' kind_ && IFS= read -r -d '' output_ && IFS= read -r -d '' command_; do
    case $kind_ in
    succeeds)
        eval "$command_" </dev/null >"$output_" 2>&1
        echo 0 ;;
    fails)
        set +e
        (set -e; eval "$command_") </dev/null >"$output_" 2>&1
        echo $?
        set -e ;;
    background)
        # With job control it has a process group of its own, and does not ignore SIGINT.
        set -m
        eval "$command_" </dev/null >"$output_" 2>&1 &
        set +m
        echo $! ;;
    wait)
        set +e
        wait "$command_" 2>/dev/null
        echo $?
        set -e ;;
    esac
done
"#;

/// A running bash, and what was started in its background.
pub struct Bash {
    child: Child,
    stdin: ChildStdin,
    answers: Receiver<String>,
    outputs: TempDir,
    count: usize,
    servers: Vec<Server>,
}

/// A process group in the background.
pub struct Server {
    group: Pid,
    /// Its command.
    pub command: String,
    output: PathBuf,
}

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// `None`: as it was to end. Else why not: `exit status 1`.
    pub fault: Option<String>,
    /// What it printed.
    pub output: String,
}

impl Bash {
    /// Starts one in `dir`, with nothing of cargo's own in its environment.
    pub fn start(dir: &Path) -> anyhow::Result<Bash> {
        let mut bash = Command::new("bash");
        bash.args(["--noprofile", "--norc", "-eu", "-c", LOOP]).current_dir(dir).process_group(0);
        bash.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            // `cargo xtask` sets these for us, not for what is built in another directory.
            if text.starts_with("CARGO_PKG_")
                || text.starts_with("CARGO_MANIFEST_")
                || ["CARGO_TARGET_DIR", "INSTA_WORKSPACE_ROOT"].contains(&&*text)
            {
                bash.env_remove(&name);
            }
        }
        // The next replay builds in another directory, and has no use for what this would keep.
        bash.env("CARGO_INCREMENTAL", "0");
        let mut child =
            bash.spawn().context("cannot start bash. Install it: sudo apt-get install bash")?;
        let stdin = child.stdin.take().context("bash has no stdin")?;
        let stdout = BufReader::new(child.stdout.take().context("bash has no stdout")?);
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let outputs = tempfile::tempdir().context("cannot make a directory for outputs")?;
        Ok(Bash { child, stdin, answers, outputs, count: 0, servers: Vec::new() })
    }

    /// Runs a command that must succeed.
    pub fn succeeds(&mut self, command: &str, deadline: Duration) -> anyhow::Result<Ended> {
        let output = self.send("succeeds", command)?;
        let fault = match self.answer(deadline)? {
            Answer::Line(_) => None,
            Answer::End => Some(self.child.wait().context("cannot wait for bash")?.to_string()),
            Answer::Late => Some(too_late(deadline)),
        };
        Ok(Ended { fault, output: read(&output) })
    }

    /// Runs a command that must fail.
    pub fn fails(&mut self, command: &str, deadline: Duration) -> anyhow::Result<Ended> {
        let output = self.send("fails", command)?;
        let fault = match self.answer(deadline)? {
            Answer::Line(status) if status == "0" => Some("it was to fail, and succeeded".into()),
            Answer::Line(status) if status == "127" => Some("no such command".into()),
            Answer::Line(_) => None,
            Answer::End => Some("it ended the shell".into()),
            Answer::Late => Some(too_late(deadline)),
        };
        Ok(Ended { fault, output: read(&output) })
    }

    /// Starts a server, and waits until it has mounted.
    pub fn background(&mut self, command: &str, deadline: Duration) -> anyhow::Result<Ended> {
        let before = fuse_mounts()?;
        let output = self.send("background", command)?;
        let Answer::Line(pid) = self.answer(TO_END)? else {
            bail!("bash started nothing: {command}")
        };
        let group = Pid::from_raw(pid.parse().with_context(|| format!("bash answered {pid:?}"))?);
        self.servers.push(Server { group, command: command.into(), output: output.clone() });
        let start = Instant::now();
        let fault = loop {
            if fuse_mounts()?.iter().any(|mount| !before.contains(mount)) {
                break None;
            }
            if kill(group, None).is_err() {
                break Some("it ended before it had mounted".into());
            }
            if start.elapsed() > deadline {
                break Some(format!("no mount after {} s", deadline.as_secs()));
            }
            if interrupt::requested() {
                bail!("interrupted");
            }
            std::thread::sleep(TICK);
        };
        Ok(Ended { fault, output: read(&output) })
    }

    /// Stops a server as a reader does, with Ctrl-C; the latest first. `None`: there is none left.
    pub fn stop(&mut self) -> anyhow::Result<Option<(String, Ended)>> {
        let Some(server) = self.servers.pop() else { return Ok(None) };
        let _ = killpg(server.group, Signal::SIGINT);
        self.send("wait", &server.group.to_string())?;
        let fault = match self.answer(TO_END)? {
            Answer::Line(status) if status == "0" || status == "130" => None,
            Answer::Line(status) => Some(format!("exit status {status} after SIGINT")),
            Answer::End => Some("the shell has ended".into()),
            Answer::Late => Some(format!("still there {} s after SIGINT", TO_END.as_secs())),
        };
        let _ = killpg(server.group, Signal::SIGKILL);
        let output = read(&server.output);
        Ok(Some((server.command, Ended { fault, output })))
    }

    fn send(&mut self, kind: &str, command: &str) -> anyhow::Result<PathBuf> {
        self.count += 1;
        let output = self.outputs.path().join(self.count.to_string());
        File::create(&output).with_context(|| format!("cannot make {}", output.display()))?;
        write!(self.stdin, "{kind}\0{}\0{command}\0", output.display()).context("bash is gone")?;
        Ok(output)
    }

    fn answer(&mut self, deadline: Duration) -> anyhow::Result<Answer> {
        let start = Instant::now();
        loop {
            match self.answers.recv_timeout(TICK) {
                Ok(line) => return Ok(Answer::Line(line)),
                Err(RecvTimeoutError::Disconnected) => return Ok(Answer::End),
                Err(RecvTimeoutError::Timeout) if interrupt::requested() => bail!("interrupted"),
                Err(RecvTimeoutError::Timeout) if start.elapsed() > deadline => {
                    return Ok(Answer::Late);
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

enum Answer {
    Line(String),
    End,
    Late,
}

fn too_late(deadline: Duration) -> String {
    format!("not finished after {} s", deadline.as_secs())
}

fn read(output: &Path) -> String {
    fs::read(output).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Nothing that was started survives, however the chapter ended.
impl Drop for Bash {
    fn drop(&mut self) {
        for server in &self.servers {
            let _ = killpg(server.group, Signal::SIGINT);
            // Time to unmount. It may be a zombie that nobody reaps, hence not for long.
            for _ in 0..20 {
                if killpg(server.group, None).is_err() {
                    break;
                }
                std::thread::sleep(TICK);
            }
            let _ = killpg(server.group, Signal::SIGKILL);
        }
        let _ = killpg(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// The mount points of all FUSE file systems.
pub fn fuse_mounts() -> anyhow::Result<Vec<String>> {
    let mounts =
        fs::read_to_string("/proc/self/mounts").context("cannot read /proc/self/mounts")?;
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (mount, kind) = (words.nth(1)?, words.next()?);
        (kind == "fuse" || kind.starts_with("fuse.")).then(|| mount.to_owned())
    });
    Ok(mounts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn bash() -> (TempDir, Bash) {
        let dir = tempfile::tempdir().unwrap();
        let bash = Bash::start(dir.path()).unwrap();
        (dir, bash)
    }

    #[test]
    fn commands_share_one_shell() {
        let (_dir, mut bash) = bash();
        assert_eq!(bash.succeeds("mkdir a && cd a && x=1", SOON).unwrap().fault, None);
        let ended = bash.succeeds("echo $x; \\\n    basename \"$PWD\"; cat", SOON).unwrap();
        assert_eq!(ended, Ended { fault: None, output: "1\na\n".into() });
    }

    #[test]
    fn the_first_failure_ends_it_with_its_output() {
        let (_dir, mut bash) = bash();
        let ended = bash.succeeds("echo told; (exit 3); echo not told", SOON).unwrap();
        assert_eq!(ended, Ended { fault: Some("exit status: 3".into()), output: "told\n".into() });
        assert!(bash.succeeds("echo $never_set", SOON).is_err(), "the shell has gone");
    }

    #[test]
    fn a_command_that_must_fail_does() {
        let (_dir, mut bash) = bash();
        assert_eq!(bash.fails("echo why >&2; false; true", SOON).unwrap().output, "why\n");
        assert!(bash.fails("true", SOON).unwrap().fault.unwrap().contains("was to fail"));
        assert!(
            bash.fails("no-such-command", SOON).unwrap().fault.unwrap().contains("no such command")
        );
        assert_eq!(bash.succeeds("true", SOON).unwrap().fault, None);
    }

    #[test]
    fn a_command_that_hangs_is_ended() {
        let (_dir, mut bash) = bash();
        let ended = bash.succeeds("sleep 60", Duration::ZERO).unwrap();
        assert_eq!(ended.fault.unwrap(), "not finished after 0 s");
        let start = Instant::now();
        drop(bash);
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_server_that_ends_at_once_is_told() {
        let (_dir, mut bash) = bash();
        let ended = bash.background("echo sorry; exit 1", SOON).unwrap();
        let fault = Some("it ended before it had mounted".to_owned());
        assert_eq!(ended, Ended { fault, output: "sorry\n".into() });
    }

    #[test]
    fn a_server_is_stopped_by_sigint() {
        let (_dir, mut bash) = bash();
        let server = "trap 'echo stopped; exit 0' INT; while :; do sleep 0.1; done";
        let ended = bash.background(server, Duration::from_millis(300)).unwrap();
        assert_eq!(ended.fault.unwrap(), "no mount after 0 s");
        let (command, ended) = bash.stop().unwrap().unwrap();
        assert_eq!(
            (command.as_str(), ended),
            (server, Ended { fault: None, output: "stopped\n".into() })
        );
        assert!(bash.stop().unwrap().is_none());
    }
}
