//! What a learner sees when something goes wrong, brought about on purpose and recorded: each section of
//! book/src/troubleshooting.md shows one of these.

mod answers;
mod cached;
mod dead;
mod starting;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use kernel_tests::{Server, programs};
use step01_device::{BUFFER_SIZE, Device, Mount};
use step03_handshake::{TracedDevice, Wishes, handshake};

use crate::recorded::books_dir;
use crate::visitor::{output, program, stderr, stdout};

/// A terminal, and what is to be read on it. The programs are this machine's own (coreutils and the
/// like), since their words are what people search for.
#[derive(Default)]
struct Terminal(String);

impl Terminal {
    /// A command that somebody types, and what it prints. Where it is typed does not matter: it names
    /// its files by their whole paths.
    fn types(&mut self, line: &str) {
        self.types_as(line, &mut command(line));
    }

    /// The same, of a command that takes more to run than its words.
    fn types_as(&mut self, line: &str, command: &mut Command) {
        let ran = output(command);
        self.0 += &format!("$ {line}\n{}{}", stdout(&ran), stderr(&ran));
    }

    /// A command in the background.
    fn starts(&mut self, line: &str) -> Child {
        self.0 += &format!("$ {line} &\n");
        command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The end of one in the background, and what it printed.
    fn ends(&mut self, child: Child) {
        let ran = child.wait_with_output().unwrap();
        self.0 += &format!("{}{}", stdout(&ran), stderr(&ran));
    }

    /// What is no program's output.
    fn notes(&mut self, line: &str) {
        self.0 += &format!("({line})\n");
    }
}

/// The words of a line, as a command that speaks English.
fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    let name = words.next().unwrap();
    let own = programs().join(name);
    let mut command = if own.exists() { Command::new(own) } else { Command::new(name) };
    // By its name alone, as a shell calls it, and as it calls itself in what it says.
    command.arg0(name).args(words).env("LC_ALL", "C");
    command
}

/// What is the same on all kernels. Here, so that it lies with the other recordings.
fn assert_same(name: &str, text: &str) {
    insta::assert_snapshot!(name, text);
}

/// Somebody who is not root.
fn as_somebody(command: &mut Command) -> &mut Command {
    command.uid(1000).gid(1000)
}

/// Hello on /tmp/m, with its INIT answered.
fn hello() -> Server {
    let dir = books_dir();
    let mut hello = program("step04-hello");
    hello.arg(&dir).stdout(Stdio::null());
    let server = Server::start(hello, &dir).unwrap();
    fs::metadata(&dir).unwrap();
    server
}

/// A server on /tmp/m that has agreed with the kernel, read the first question of `client`, and will
/// not answer it.
struct Mute {
    device: TracedDevice,
    mount: Mount,
}

impl Mute {
    /// `client` starts one that asks.
    fn asked_by(client: impl FnOnce() -> Child) -> (Mute, Child) {
        let device = Device::open().unwrap();
        let mount = Mount::new(&device, &books_dir(), "mute", &[]).unwrap();
        let client = client();
        let device = TracedDevice::new(device, None);
        let mut buffer = vec![0; BUFFER_SIZE];
        handshake(&device, &mut buffer, &Wishes::default()).unwrap();
        device.read_message(&mut buffer).unwrap();
        (Mute { device, mount }, client)
    }
}
