//! Conversations recorded byte by byte, each client's output where it was printed.
//!
//! The server's trace and what the clients print are appended to one file, line by line. A line is there
//! before what it causes can be: the server prints an answer first, and then gives it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use kernel_tests::Server;
use kernel_tests::conversation::Conversation;
use nix::unistd::dup2_stderr;

use crate::recorded::{assert_recorded, series};
use crate::visitor::{fresh_dir, output, program, stderr, until};

/// A recording that grows.
pub struct Log(PathBuf);

impl Log {
    /// An empty one.
    pub fn new() -> Log {
        let log = fresh_dir("log").join("bytes");
        File::create(&log).unwrap();
        Log(log)
    }

    /// For who writes lines of their own.
    pub fn file(&self) -> File {
        OpenOptions::new().append(true).open(&self.0).unwrap()
    }

    /// From now on, what this process prints on stderr: for servers that are run by the test itself.
    pub fn take_stderr(&self) {
        dup2_stderr(self.file()).unwrap();
    }

    /// A line.
    pub fn say(&self, line: &str) {
        self.file().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What is there so far.
    fn read(&self) -> Conversation {
        let mut text = fs::read(&self.0).unwrap();
        // A line that crosses a page may be seen before it is whole.
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
        let text = String::from_utf8(text).unwrap();
        Conversation::parse(&text).unwrap_or_else(|fault| panic!("{fault:#}\n{text}"))
    }

    /// How often it was said, in the words of the stable trace.
    fn said(&self, what: &str) -> usize {
        self.read().messages().filter(|message| message.line.contains(what)).count()
    }

    /// Does something, until `last` has been said once more.
    pub fn when(&self, last: &str, act: impl FnOnce()) {
        let before = self.said(last);
        act();
        until(last, || self.said(last) > before);
    }

    /// Waits until it has been said.
    pub fn until(&self, what: &str) {
        until(what, || self.said(what) > 0);
    }

    /// Runs the client in `place`, until `last` has been said once more. It may fail, and say why.
    pub fn visit(&self, place: &Path, client: &[&str], last: &str) {
        self.when(last, || {
            self.say(&format!("$ {}", client.join(" ")));
            let mut command = program("visit");
            let ran = output(command.args(client).current_dir(place).stdout(self.file()));
            // What goes to stderr is not buffered: a line of it is more than one write(2).
            stderr(&ran).lines().for_each(|line| self.say(line));
        });
    }

    /// Compares it with what was recorded on Linux 6.12. On every kernel: each message can be read, and all but
    /// `owed` of the requests that want an answer have just one.
    pub fn assert_recorded(&self, name: &str, owed: usize) {
        let conversation = self.read();
        assert_eq!(conversation.unanswered().len(), owed, "{:?}", conversation.unanswered());
        let masked = conversation.masked().unwrap().to_string();
        match series().as_str() {
            "6.12" => assert_recorded(&format!("{name}_bytes"), &masked),
            series => println!("not compared, since it is recorded on 6.12, and this is {series}"),
        }
    }
}

/// A server, and the recording of what is said.
pub struct InBytes {
    server: Server,
    /// Where it is mounted.
    pub dir: PathBuf,
    /// What was said.
    pub log: Log,
}

impl InBytes {
    /// Starts it as `PROGRAM --trace=bytes ARGUMENTS MOUNTPOINT`. The program may have a subcommand.
    pub fn start(name: &str, arguments: &[&str]) -> InBytes {
        let (dir, log) = (fresh_dir("mnt"), Log::new());
        let mut words = name.split(' ');
        let mut command = program(words.next().unwrap());
        command.args(words).arg("--trace=bytes").args(arguments).arg(&dir);
        command.stdout(Stdio::null()).stderr(log.file());
        let server = Server::start(command, &dir)
            .unwrap_or_else(|e| panic!("{e:#}\n{}", fs::read_to_string(&log.0).unwrap()));
        log.until("INIT = ");
        InBytes { server, dir, log }
    }

    /// Runs the client inside the mount.
    pub fn visit(&self, client: &[&str], last: &str) {
        self.log.visit(&self.dir, client, last);
    }

    /// Runs the client beside the mount, which is called `mnt` there.
    pub fn visit_from_outside(&self, client: &[&str], last: &str) {
        self.log.visit(self.dir.parent().unwrap(), client, last);
    }

    /// Compares what was said, and ends the server.
    pub fn end(self, name: &str) {
        self.log.assert_recorded(name, 0);
        assert!(self.server.interrupt().unwrap().success());
    }

    /// Compares what was said, of a server that ends by itself.
    pub fn ended(mut self, name: &str) {
        assert!(self.server.wait().unwrap().success());
        self.log.assert_recorded(name, 0);
    }
}
