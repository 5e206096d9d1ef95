//! Names for numbers: opcodes, and what a system call returned.

use nix::errno::Errno;
use step02_wire::Opcode;
use step02_wire::abi::LaterOpcode;

/// An opcode's name, or its number.
pub fn opcode(number: u32) -> String {
    match (Opcode::from_u32(number), LaterOpcode::from_u32(number)) {
        (Some(opcode), _) => opcode.name().to_owned(),
        (None, Some(later)) => later.name.to_owned(),
        (None, None) => format!("opcode {number}"),
    }
}

/// `23`, or `-ENOENT`.
pub fn result(result: i64) -> String {
    match result {
        // ERESTARTSYS and its like: no program sees them.
        -516..=-512 => "(a signal came: it begins again, or fails with EINTR)".to_owned(),
        -511..0 => match Errno::from_raw(-result as i32) {
            Errno::UnknownErrno => result.to_string(),
            errno => format!("-{errno:?}"),
        },
        _ => result.to_string(),
    }
}

/// ` (No such file or directory)` for an error; nothing otherwise.
pub fn description(result: i64) -> String {
    match i32::try_from(-result).map(Errno::from_raw) {
        Ok(errno) if (-511..0).contains(&result) && errno != Errno::UnknownErrno => {
            format!(" ({})", errno.desc())
        }
        _ => String::new(),
    }
}

/// `1 byte`, `16 bytes`.
pub fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") }
}
