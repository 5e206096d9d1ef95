//! Answers that are disturbed on their way: by a fork, by a signal.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::mount::{MntFlags, umount2};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork};
use step03_handshake::Wishes;
use step05_server::{Files, ReadPath, ReplyPath, Session};
use step07_mirror::Mirror;
use step11_splice_reply::{Options, Reason, SplicePath, Strategy};

use super::{Shown, content};
use crate::signalled::{handle_signals, signal};
use crate::visitor::fresh_dir;

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn forks_at_any_moment_do_no_harm() {
    let source = fresh_dir("source");
    // Each answer is short, so each header is patched.
    let content = content(100_000);
    for n in 0..300 {
        fs::write(source.join(format!("file {n}")), &content).unwrap();
    }
    let dir = fresh_dir("mnt");
    let mirror = Files(Mirror::open(&source, Path::new("/"), Duration::ZERO).unwrap());
    let session = Session::mount(&dir, "test", &[], None).unwrap();
    let device = Arc::clone(session.device());
    let options = Options { strategy: Strategy::Patch, threshold: 1, move_pages: false };
    let splice = Arc::new(SplicePath::new(Arc::clone(&device), options));
    let outward: Arc<dyn ReplyPath> = Arc::clone(&splice) as _;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let server = scope.spawn(move || {
            let mut inward = ReadPath::new(device);
            session.serve_along(&mut inward, &outward, &Wishes::default(), &mirror)
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                // SAFETY: the child does nothing but end.
                match unsafe { fork() }.unwrap() {
                    // SAFETY: it ends the child at once.
                    ForkResult::Child => unsafe { libc::_exit(0) },
                    ForkResult::Parent { child } => waitpid(child, None).unwrap(),
                };
                // A fork locks this process's memory: one after the other, and nobody else gets far.
                thread::sleep(Duration::from_micros(100));
            }
        });
        // A fork must come between two system calls. Where all is emulated, that is a longer time.
        let rounds = if std::env::var_os("SUITE_SIZE").is_some() { 3000 } else { 300 };
        for n in 0..rounds {
            assert!(fs::read(dir.join(format!("file {}", n % 300))).unwrap() == content);
        }
        over.store(true, Ordering::Relaxed);
        umount2(&dir, MntFlags::MNT_DETACH).unwrap();
        server.join().unwrap().unwrap();
    });
    assert!(splice.counts().of_splices() >= 300);
    assert_eq!(splice.counts().of(Reason::Device), 0, "no length was ever wrong");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn an_interrupted_read_of_a_stream_loses_no_byte() {
    handle_signals();
    let place = fresh_dir("place");
    let socket = place.join("socket");
    let content = content(10_000);
    for strategy in ["patch", "optimistic", "copy"] {
        let listener = UnixListener::bind(&socket).unwrap();
        let shown = Shown::start(&["--strategy", strategy], &[&socket]);
        let (mut peer, _) = listener.accept().unwrap();
        let mut client = File::open(shown.dir.join("socket")).unwrap();
        let reader = thread::spawn(move || {
            let mut all = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                match client.read(&mut buffer) {
                    Ok(0) => return all,
                    Ok(count) => all.extend_from_slice(&buffer[..count]),
                    Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::Interrupted),
                }
            }
        });
        for piece in content.chunks(1000) {
            for _ in 0..3 {
                thread::sleep(Duration::from_millis(2));
                signal(&reader);
            }
            peer.write_all(piece).unwrap();
        }
        drop(peer);
        assert!(reader.join().unwrap() == content, "{strategy}");
        shown.end();
        fs::remove_file(&socket).unwrap();
    }
}
