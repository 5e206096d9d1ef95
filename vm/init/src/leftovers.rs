//! What a test leaves: FUSE connections, mounts, processes. Found, told, and cleared away.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

const CONNECTIONS: &str = "/sys/fs/fuse/connections";

/// Waits a moment for the last of a test to go, then says what did not, a line each.
pub fn after_a_moment() -> Vec<String> {
    let deadline = Instant::now() + Duration::from_millis(500);
    loop {
        let left = connections_and_mounts();
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn connections_and_mounts() -> Vec<String> {
    let connections = connections().into_iter().map(|dir| {
        let waiting = fs::read_to_string(dir.join("waiting")).unwrap_or_default();
        format!("FUSE connection {}, {} requests waiting", dir.display(), waiting.trim())
    });
    let mounts = fuse_mounts().into_iter().map(|mount| format!("FUSE mount on {mount}"));
    connections.chain(mounts).collect()
}

fn connections() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(CONNECTIONS) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

fn fuse_mounts() -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let fuse = |line: &&str| {
        line.split(' ').nth(2).is_some_and(|t| t.starts_with("fuse") && t != "fusectl")
    };
    mounts
        .lines()
        .filter(fuse)
        .filter_map(|line| line.split(' ').nth(1))
        .map(str::to_owned)
        .collect()
}

/// What each process waits for in the kernel, a line for each thread:
/// `visit (pid 93): newfstatat ← fuse_do_getattr ← request_wait_answer`.
pub fn waits() -> Vec<String> {
    let mut lines = Vec::new();
    for pid in processes() {
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for thread in threads.flatten().map(|entry| entry.path()) {
            let read = |file: &str| fs::read_to_string(thread.join(file)).unwrap_or_default();
            let stack = stack_in_words(&read("stack"));
            let stack = if stack.is_empty() { "running in user space".to_owned() } else { stack };
            lines.push(format!("{} (pid {pid}): {stack}", read("comm").trim()));
        }
    }
    lines
}

/// `[<0>] request_wait_answer+0x12/0x60`, innermost first, becomes `request_wait_answer ← …`.
fn stack_in_words(stack: &str) -> String {
    let function = |line: &str| {
        let call = line.split_whitespace().nth(1)?;
        Some(call.split('+').next()?.to_owned())
    };
    let boring = |name: &String| {
        name.starts_with("entry_SYSCALL")
            || name.starts_with("do_syscall")
            || name.starts_with("0x")
    };
    let calls: Vec<_> = stack.lines().filter_map(function).filter(|name| !boring(name)).collect();
    calls.join(" ← ")
}

/// User processes beside ourselves. A kernel thread has no command line.
fn processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_command_line = |pid: &u32| {
        fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline"))
            .is_ok_and(|c| !c.is_empty())
    };
    pids.filter(|pid| *pid != 1).filter(has_command_line).collect()
}

/// Aborts connections, so that what waits for them can die; kills all; reaps; unmounts.
// ANCHOR: clear
pub fn clear_away() {
    for connection in connections() {
        // Either may be gone by now, which is as good.
        let _ = fs::write(connection.join("abort"), "1");
    }
    // From pid 1 this reaches every process but pid 1.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => thread::sleep(Duration::from_millis(5)),
            Ok(_) => {}
            // ECHILD: none is left.
            Err(_) => break,
        }
    }
    for mount in fuse_mounts() {
        let _ = umount2(mount.as_str(), MntFlags::MNT_DETACH);
    }
}
// ANCHOR_END: clear

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_reads_from_the_wait_outwards() {
        let stack = "[<0>] request_wait_answer+0x1a/0x2b\n[<0>] fuse_do_getattr+0xea/0x2c0\n\
                     [<0>] vfs_statx+0xa1/0x130\n[<0>] do_syscall_64+0x82/0x190\n\
                     [<0>] entry_SYSCALL_64_after_hwframe+0x76/0x7e\n";
        assert_eq!(stack_in_words(stack), "request_wait_answer ← fuse_do_getattr ← vfs_statx");
        assert_eq!(stack_in_words(""), "");
    }
}
