//! Step 05: the same hello on a library, and file systems that misbehave on it.

mod any_server;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::stat;
use step02_wire::TraceStyle;
use step02_wire::abi::*;
use step05_server::{Answer, Data, Files, Filesystem, Handler, Owed, Request, Session};

use crate::in_bytes::Log;
use crate::in_process::{serving, serving_on};
use crate::recorded::trace_of_a_visit;
use crate::visitor::{fresh_dir, output, program, stderr, stdout};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn it_says_what_step_04_said() {
    let by_hand = trace_of_a_visit("step04-hello");
    assert!(by_hand.contains("READ = 23 bytes"), "{by_hand}");
    assert_eq!(by_hand, trace_of_a_visit("step05-server"));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_guided_visit_of_the_demo() {
    let guided = output(program("guide").arg("step05-server").current_dir(fresh_dir("guide")));
    let shown = stdout(&guided);
    assert!(guided.status.success(), "{shown}{}", stderr(&guided));
    // What the kernel offers differs from kernel to kernel.
    let lines: Vec<_> = shown.lines().filter(|line| !line.starts_with("→ #1 INIT")).collect();
    insta::assert_snapshot!("guide", lines.join("\n"));
}

/// A root whose every name is a file, uncached, that is read as `read` says.
struct Odd<R>(R);

impl<R: Fn(&ReadIn) -> Result<Data, Errno> + Send + Sync> Filesystem for Odd<R> {
    fn lookup(&self, _: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
        assert_ne!(name, "panic", "on purpose");
        let attr =
            Attr { ino: 2, mode: libc::S_IFREG | 0o444, nlink: 1, size: 8192, ..Attr::default() };
        Ok(EntryOut { nodeid: 2, attr, ..EntryOut::default() })
    }
    fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
        let mode =
            if header.nodeid == ROOT_ID { libc::S_IFDIR | 0o555 } else { libc::S_IFREG | 0o444 };
        let attr = Attr { ino: header.nodeid, mode, nlink: 1, size: 8192, ..Attr::default() };
        Ok(AttrOut { attr, ..AttrOut::default() })
    }
    fn open(&self, _: &InHeader, _: &OpenIn) -> Result<OpenOut, Errno> {
        Ok(OpenOut { open_flags: OpenReplyFlags::DIRECT_IO, ..OpenOut::default() })
    }
    fn read(&self, _: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
        (self.0)(arg)
    }
}

/// One read(2) of the file `name`.
fn read_once(file: &Path) -> Result<Vec<u8>, Option<i32>> {
    let open = fs::OpenOptions::new().read(true).custom_flags(libc::O_CLOEXEC).open(file);
    let mut buffer = vec![0; 4096];
    let read = open.and_then(|mut file| file.read(&mut buffer)).map_err(|e| e.raw_os_error())?;
    buffer.truncate(read);
    Ok(buffer)
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_panic_is_an_eio_and_the_session_lives_on() {
    let fs = Files(Odd(|_: &ReadIn| Ok(Data::Bytes(b"fine".to_vec()))));
    serving(&fs, |dir| {
        assert_eq!(stat(&dir.join("panic")).unwrap_err(), Errno::EIO);
        assert_eq!(read_once(&dir.join("file")), Ok(b"fine".to_vec()));
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn an_answer_too_long_is_an_eio_and_the_session_lives_on() {
    let fs = Files(Odd(|arg: &ReadIn| match arg.offset {
        0 => Ok(Data::Bytes(vec![0; arg.size as usize + 1])),
        _ => Ok(Data::Bytes(b"fine".to_vec())),
    }));
    serving(&fs, |dir| {
        assert_eq!(read_once(&dir.join("file")), Err(Some(libc::EIO)));
        assert!(stat(&dir.join("file")).is_ok());
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn data_may_come_from_a_descriptor() {
    let source = fresh_dir("source").join("file");
    fs::write(&source, b"0123456789").unwrap();
    let fd = std::sync::Arc::new(File::open(&source).unwrap().into());
    let fs = Files(Odd(move |arg: &ReadIn| {
        let fd = std::sync::Arc::clone(&fd);
        Ok(Data::From { fd, offset: Some(arg.offset + 4), len: arg.size as usize })
    }));
    serving(&fs, |dir| {
        // Fewer than announced: the source ends there.
        assert_eq!(read_once(&dir.join("file")), Ok(b"456789".to_vec()));
    });
}

/// Answers what it must, and drops what it is owed for each name.
pub struct Forgetful;

// ANCHOR: forgetful
impl Handler for Forgetful {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        match request.operation {
            step02_wire::Operation::Getattr { .. } => {
                let attr =
                    Attr { ino: 1, mode: libc::S_IFDIR | 0o555, nlink: 2, ..Attr::default() };
                owed.answer(Ok(Answer::of(&AttrOut { attr, ..AttrOut::default() })));
            }
            _ => drop(owed),
        }
    }
}
// ANCHOR_END: forgetful

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_forgotten_answer_is_an_eio_and_no_hang() {
    serving(&Forgetful, |dir| {
        assert_eq!(stat(&dir.join("any")).unwrap_err(), Errno::EIO);
        assert!(stat(dir).is_ok());
    });
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_forgotten_answers_in_bytes() {
    let (dir, log) = (fresh_dir("mnt"), Log::new());
    log.take_stderr();
    let session = Session::mount(&dir, "forgetful", &[], Some(TraceStyle::Bytes)).unwrap();
    serving_on(session, &Forgetful, |dir| {
        let beside = dir.parent().unwrap();
        log.until("INIT = ");
        log.visit(beside, &["ls", "mnt"], "OPENDIR = -EIO");
        log.visit(beside, &["cat", "mnt/any"], "LOOKUP = -EIO");
        log.assert_recorded("step05__forgotten", 0);
    });
}
