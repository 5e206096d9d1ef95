//! One running QEMU, and the records that come out of it.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use tempfile::TempDir;
use vm_init::{FILES_PORT, RESULTS_PORT, Record};

use crate::interrupt;
use crate::vm::qemu::{PROGRAM, Qemu};

// ANCHOR: command_line
/// Quiet, no waiting for hardware that is not there, and a panic ends QEMU.
const COMMAND_LINE: &str = "console=ttyS0 quiet loglevel=4 panic=-1 oops=panic cryptomgr.notests \
    no_timer_check i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd";
// ANCHOR_END: command_line

/// The plainest 64-bit processor, the quickest to emulate, without CMPXCHG16B: QEMU 7.2, emulating
/// it, once gave the guest a flags register with half a pointer in it, and the kernel an oops in
/// `__kmalloc`. Kernels do without that instruction.
const EMULATED_CPU: &str = "qemu64,-cx16";

/// What to start, and how.
pub struct Launch<'a> {
    /// The installed QEMU.
    pub qemu: &'a Qemu,
    /// The vmlinuz.
    pub kernel: &'a Path,
    /// The guest's root, as a cpio archive.
    pub initramfs: &'a [u8],
    /// Processors.
    pub smp: u32,
    /// With KVM, or emulated.
    pub kvm: bool,
    /// The guest's console is our terminal.
    pub terminal: bool,
    /// Stop before the first instruction, and listen for a debugger.
    pub gdb: bool,
    /// Show the command.
    pub verbose: bool,
}

/// What came out of a guest.
pub enum Heard {
    /// A record.
    Record(Record),
    /// The end of the stream: the guest is gone.
    End,
    /// Nothing, for as long as we would wait.
    Silence,
}

/// A running virtual machine. Dropping it kills QEMU and removes its directory.
pub struct Machine {
    qemu: Child,
    results: BufReader<UnixStream>,
    line: Vec<u8>,
    files: Option<JoinHandle<Vec<u8>>>,
    dir: TempDir,
}

impl Machine {
    /// Starts QEMU.
    pub fn start(launch: Launch<'_>) -> anyhow::Result<Machine> {
        let Launch { qemu, kernel, initramfs, smp, kvm, terminal, gdb, verbose } = launch;
        let dir = tempfile::Builder::new()
            .prefix("fuse-by-hand-")
            .tempdir()
            .context("cannot make a temporary directory")?;
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("initramfs"), initramfs)
            .with_context(|| format!("cannot write {}", path("initramfs")))?;
        let listen = |name: &str| {
            UnixListener::bind(path(name))
                .with_context(|| format!("cannot listen on {}", path(name)))
        };
        let (results, files) = (listen(RESULTS_PORT)?, listen(FILES_PORT)?);

        let mut command = Command::new(PROGRAM);
        command.args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
        command.args(["-machine", "q35", "-m", "512M", "-smp", &smp.to_string()]);
        command.args(if kvm {
            ["-accel", "kvm", "-cpu", "host"]
        } else {
            ["-accel", "tcg", "-cpu", EMULATED_CPU]
        });
        let kaslr = if gdb { " nokaslr" } else { "" };
        command.arg("-kernel").arg(kernel).args(["-initrd", &path("initramfs")]);
        command.args(["-append", &format!("{COMMAND_LINE}{kaslr}")]);
        command.args([
            "-chardev",
            &match terminal {
                true => "stdio,id=console,signal=off".to_owned(),
                false => format!("file,id=console,path={}", path("console")),
            },
        ]);
        command.args(["-serial", "chardev:console", "-device", "virtio-serial-pci"]);
        if gdb {
            command.args(["-s", "-S"]);
            eprintln!("waiting for a debugger: gdb -ex 'target remote :1234' (then: continue)");
        }
        for port in [RESULTS_PORT, FILES_PORT] {
            command.args(["-chardev", &format!("socket,id={port},path={}", path(port))]);
            command.args(["-device", &format!("virtserialport,chardev={port},name={port}")]);
        }
        let errors = fs::File::create(path("qemu-errors"))?;
        if !terminal {
            command.stdin(Stdio::null()).stdout(Stdio::null());
        }
        command.stderr(errors);
        if verbose {
            eprintln!("$ {command:?}");
        }
        // SAFETY: between fork and exec the closure makes one system call, prctl(2), which is
        // async-signal-safe, and touches no memory of ours.
        unsafe {
            // QEMU dies with the thread that started it, however that ends.
            command.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL)?));
        }
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {PROGRAM} (qemu {})", qemu.version))?;
        interrupt::watch(child.id());

        let connected =
            accept(&results, &mut child).and_then(|r| Ok((r, accept(&files, &mut child)?)));
        let (results, mut files) = match connected {
            Ok(both) => both,
            Err(error) => {
                interrupt::forget(child.id());
                let _ = child.kill();
                let _ = child.wait();
                let said = fs::read_to_string(path("qemu-errors")).unwrap_or_default();
                return Err(error.context(said.trim().to_owned()));
            }
        };
        let files = thread::spawn(move || {
            let mut archive = Vec::new();
            let _ = files.read_to_end(&mut archive);
            archive
        });
        Ok(Machine {
            qemu: child,
            results: BufReader::new(results),
            line: Vec::new(),
            files: Some(files),
            dir,
        })
    }

    /// Waits for the next record, for as long as `patience`.
    pub fn next(&mut self, patience: Duration) -> anyhow::Result<Heard> {
        let deadline = Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Heard::Silence);
            }
            self.results.get_ref().set_read_timeout(Some(left)).context("cannot set a timeout")?;
            match self.results.read_until(b'\n', &mut self.line) {
                Ok(_) if self.line.is_empty() => return Ok(Heard::End),
                Ok(_) => {
                    let line = std::mem::take(&mut self.line);
                    let text = String::from_utf8_lossy(&line);
                    let record = serde_json::from_str(&text)
                        .with_context(|| format!("the guest sent no record: {text:?}"))?;
                    if record == Record::Done {
                        // It waits for this before it powers off. If it is gone already, so be it.
                        let _ = self.results.get_mut().write_all(b"\n");
                    }
                    return Ok(Heard::Record(record));
                }
                // What it read of a line stays in `line`.
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                Err(e) if e.kind() == ErrorKind::ConnectionReset => return Ok(Heard::End),
                Err(e) => return Err(e).context("cannot read from the guest"),
            }
        }
    }

    /// Waits for QEMU's end; returns the archive of files that the guest sent.
    pub fn finish(mut self) -> anyhow::Result<Vec<u8>> {
        let files = self.files.take().context("finished twice")?;
        self.qemu.wait().context("cannot wait for QEMU")?;
        files.join().map_err(|_| anyhow!("the thread that reads the guest's files panicked"))
    }

    /// After the end of the stream: did the guest stop by itself? It may have powered off, or panicked,
    /// which QEMU does not tell apart. An error: it was QEMU that died.
    pub fn stopped(&mut self) -> anyhow::Result<()> {
        let status = self.qemu.wait().context("cannot wait for QEMU")?;
        if status.success() { Ok(()) } else { Err(self.lost()) }
    }

    /// Why the guest is gone, with the end of its console: an error to return.
    pub fn lost(&mut self) -> anyhow::Error {
        if interrupt::requested() {
            return anyhow!("interrupted");
        }
        let status = self.qemu.wait().map_or_else(|e| e.to_string(), |status| status.to_string());
        let said = fs::read_to_string(self.dir.path().join("qemu-errors")).unwrap_or_default();
        anyhow!("the VM is gone (QEMU: {status})\n{}{}", said, self.console_tail())
    }

    /// All that the guest's kernel (or pid 1) printed.
    pub fn console(&self) -> String {
        let console = fs::read(self.dir.path().join("console")).unwrap_or_default();
        String::from_utf8_lossy(&console).into_owned()
    }

    /// What the guest's kernel (or pid 1) printed last: from the first sign of trouble on, if any.
    pub fn console_tail(&self) -> String {
        const LINES: usize = 30;
        let console = self.console();
        let lines: Vec<_> = console.lines().filter(|line| !line.trim().is_empty()).collect();
        let trouble =
            |line: &&str| ["Kernel panic", "BUG:", "Oops"].iter().any(|word| line.contains(word));
        let start = lines.iter().position(trouble).unwrap_or(lines.len().saturating_sub(LINES));
        match &lines[start..] {
            [] => "its console is empty".to_owned(),
            tail => tail.iter().take(LINES).map(|line| format!("  console | {line}\n")).collect(),
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        interrupt::forget(self.qemu.id());
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// QEMU's connection, unless QEMU dies first. The listener is closed by the caller's return, before
/// the guest writes.
fn accept(listener: &UnixListener, qemu: &mut Child) -> anyhow::Result<UnixStream> {
    listener.set_nonblocking(true)?;
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e).context("cannot accept QEMU's connection"),
        }
        if let Some(status) = qemu.try_wait()? {
            bail!("QEMU did not start ({status})");
        }
        if Instant::now() > deadline {
            bail!("QEMU did not start within 30 s");
        }
        thread::sleep(Duration::from_millis(5));
    }
}
