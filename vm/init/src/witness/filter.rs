//! A filter that stops a process, and all that it starts, at the calls of the table only. To stop at every
//! system call takes several times as long, and guests are emulated.

use anyhow::Context;
use nix::errno::Errno;
use nix::libc;

use super::calls::CALLS;

/// `AUDIT_ARCH_X86_64` of linux/audit.h: 62 is the machine, then 64 bits and little-endian.
const X86_64: u32 = 62 | 0x8000_0000 | 0x4000_0000;

/// Sets the filter for this thread, which must be traced already: without a tracer each of these calls
/// fails with ENOSYS. Only root may, since a set-user-id program will run under it too (seccomp(2)).
pub fn stop_at_the_calls() -> anyhow::Result<()> {
    let mut program = program();
    let filter = libc::sock_fprog {
        len: program.len().try_into().context("the filter is too long")?,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: the kernel copies the program, which lives until the call returns.
    let done = unsafe {
        libc::prctl(libc::PR_SET_SECCOMP, libc::c_ulong::from(libc::SECCOMP_MODE_FILTER), &filter)
    };
    Errno::result(done).context("cannot set a seccomp filter")?;
    Ok(())
}

/// In the instructions of bpf(4), over `struct seccomp_data { nr: u32, arch: u32, … }`.
fn program() -> Vec<libc::sock_filter> {
    let load = |offset| instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let equal =
        |value, yes, no| instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, yes, no, value);
    let verdict = |verdict| instruction(libc::BPF_RET | libc::BPF_K, 0, 0, verdict);
    let mut program = vec![load(4), equal(X86_64, 1, 0), verdict(libc::SECCOMP_RET_ALLOW), load(0)];
    for (number, ..) in CALLS {
        program.push(equal(*number as u32, 0, 1));
        program.push(verdict(libc::SECCOMP_RET_TRACE));
    }
    program.push(verdict(libc::SECCOMP_RET_ALLOW));
    program
}

fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}
