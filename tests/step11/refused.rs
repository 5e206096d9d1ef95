//! Where the machine refuses what splicing needs: other ways are taken, and told.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use kernel_tests::Server;
use nix::errno::Errno;
use nix::libc;
use nix::mount::{MntFlags, umount2};
use step03_handshake::Wishes;
use step05_server::{Files, ReplyPath, Session};
use step07_mirror::Mirror;
use step11_splice_reply::{Options, Reason, SplicePath, Strategy};
use step12_splice_request::SpliceRequests;

use super::content;
use crate::visitor::{fresh_dir, program};

/// The program will be told EPERM for this system call, by a filter as sandboxes have them (seccomp(2)).
fn refuse(command: &mut Command, call: libc::c_long) {
    let instruction = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let filter = [
        // The number of the call is the first field of struct seccomp_data.
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call as u32),
        instruction(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        instruction(libc::BPF_RET, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    // SAFETY: between fork and exec nothing is done but system calls. The filter lives in the closure; the
    // kernel copies it.
    unsafe {
        command.pre_exec(move || {
            let mut filter = filter;
            let program =
                libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            let set = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program);
            Ok(Errno::result(set).map(drop)?)
        });
    }
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_sandbox_without_vmsplice_or_splice_is_served_in_another_way() {
    let place = fresh_dir("place");
    let file = place.join("file");
    let content = content(1 << 20);
    fs::write(&file, &content).unwrap();
    for (call, way, count) in [
        (libc::SYS_vmsplice, "strategy optimistic", "(optimistic "),
        (libc::SYS_splice, "strategy copy", "spliced 0, copied"),
    ] {
        let dir = fresh_dir("mnt");
        let said = place.join("said");
        let mut command = program("step11-splice-reply");
        command.arg(&file).arg(&dir).stdout(File::create(&said).unwrap());
        refuse(&mut command, call);
        let server = Server::start(command, &dir).unwrap();
        assert!(fs::read(dir.join("file")).unwrap() == content);
        assert!(server.interrupt().unwrap().success());
        fs::remove_dir(&dir).unwrap();
        let said = fs::read_to_string(&said).unwrap();
        assert!(said.contains(way), "{said}");
        assert!(said.contains(count), "{said}");
    }
}

/// A limit of all pipes, lowered for as long as this lives.
struct Lowered {
    path: &'static str,
    before: String,
}

impl Lowered {
    fn to(value: &str, path: &'static str) -> Lowered {
        let before = fs::read_to_string(path).unwrap();
        fs::write(path, value).unwrap();
        Lowered { path, before }
    }
}

impl Drop for Lowered {
    fn drop(&mut self) {
        let _ = fs::write(self.path, &self.before);
    }
}

/// This thread is no longer allowed to exceed limits: without any capability (capabilities(7)).
fn give_up_privileges() {
    let header: [u32; 2] = [0x2008_0522, 0];
    let none = [0_u32; 6];
    // SAFETY: capset(2) reads a header, and for this version two structs of three numbers each.
    let set = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    Errno::result(set).unwrap();
}

/// Reads and writes files of 1 MiB through a server without privileges, which wants to splice both ways.
/// Returns how many answers were spliced, and how many copied since the pipe is too small.
fn served_without_privileges(limit: Lowered) -> (u64, u64) {
    let source = fresh_dir("source");
    let content = content(1 << 20);
    fs::write(source.join("file"), &content).unwrap();
    let dir = fresh_dir("mnt");
    let mirror = Files(Mirror::open(&source, Path::new("/"), Default::default()).unwrap());
    let session = Session::mount(&dir, "test", &[], None).unwrap();
    let device = Arc::clone(session.device());
    let options = Options { strategy: Strategy::Patch, threshold: 1, move_pages: false };
    let splice = Arc::new(SplicePath::new(Arc::clone(&device), options));
    let outward: Arc<dyn ReplyPath> = Arc::clone(&splice) as _;
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            give_up_privileges();
            let mut inward = SpliceRequests::new(device);
            session.serve_along(&mut inward, &outward, &Wishes::default(), &mirror)
        });
        assert!(fs::read(dir.join("file")).unwrap() == content);
        fs::write(dir.join("new"), &content).unwrap();
        assert!(fs::read(source.join("new")).unwrap() == content);
        umount2(&dir, MntFlags::MNT_DETACH).unwrap();
        server.join().unwrap().unwrap();
    });
    drop(limit);
    fs::remove_dir(&dir).unwrap();
    fs::remove_dir_all(&source).unwrap();
    (splice.counts().of_splices(), splice.counts().of(Reason::PipeTooSmall))
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_pipe_that_may_not_grow_is_used_for_what_fits() {
    // 16 slots, and no more: not enough for 32 pages and a header.
    let limit = Lowered::to("65536", "/proc/sys/fs/pipe-max-size");
    let (spliced, too_small) = served_without_privileges(limit);
    assert!(too_small >= 7, "spliced {spliced}, pipe too small {too_small}");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_user_with_too_many_pipes_is_served_all_the_same() {
    let limit = Lowered::to("1", "/proc/sys/fs/pipe-user-pages-soft");
    let (spliced, too_small) = served_without_privileges(limit);
    assert!(too_small >= 8, "spliced {spliced}, pipe too small {too_small}");
}
