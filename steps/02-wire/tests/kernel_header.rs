//! Is `step02_wire::abi` what the system's `<linux/fuse.h>` says?
//!
//! Nothing is compared with a copy: a C program prints what the compiler makes of the header. What
//! the header has and 7.14 had not stands in the tables below, each with the minor version that
//! brought it. A header that is newer than the tables fails, and the message says what to do.
//!
//! To try another header than the system's: `CPATH=/directory/with/linux/fuse.h cargo test`.

mod header;

use bitflags::Flags;
use header::{Header, run_c};
use std::collections::BTreeMap;
use std::fmt::Write;
use step02_wire::abi::*;

/// Fields that have another name today. Where one became two, both names.
const RENAMED: &[(&str, &str, &[&str])] = &[
    ("fuse_in_header", "padding", &["total_extlen", "padding"]), // 7.38
    ("fuse_attr", "padding", &["flags"]),                        // 7.32
    ("fuse_setattr_in", "unused2", &["ctime"]),                  // 7.23
    ("fuse_setattr_in", "unused3", &["ctimensec"]),              // 7.23
    ("fuse_open_in", "unused", &["open_flags"]),                 // 7.33
    ("fuse_create_in", "padding", &["open_flags"]),              // 7.33
    ("fuse_open_out", "padding", &["backing_id"]),               // 7.40
    ("fuse_poll_in", "padding", &["events"]),                    // 7.21
    ("fuse_notify_inval_entry_out", "padding", &["flags"]),      // 7.38
];

/// Structs that grew after 7.14, with the header's constant for the size that they had.
const GROWN: &[(&str, Option<&str>)] = &[
    ("fuse_init_in", None), // 16 bytes. The header has no constant for it.
    ("fuse_init_out", Some("FUSE_COMPAT_22_INIT_OUT_SIZE")),
    ("fuse_setxattr_in", Some("FUSE_COMPAT_SETXATTR_IN_SIZE")),
];

/// Structs newer than 7.14, with the minor version that brought them.
#[rustfmt::skip]
const LATER_STRUCTS: &[(&str, u32)] = &[
    ("fuse_notify_store_out", 15), ("fuse_notify_retrieve_out", 15), ("fuse_notify_retrieve_in", 15),
    ("fuse_forget_one", 16), ("fuse_batch_forget_in", 16), ("fuse_ioctl_iovec", 16),
    ("fuse_notify_delete_out", 18),
    ("fuse_fallocate_in", 19),
    ("fuse_direntplus", 21),
    ("fuse_rename2_in", 23),
    ("fuse_lseek_in", 24), ("fuse_lseek_out", 24),
    ("fuse_copy_file_range_in", 28),
    ("fuse_setupmapping_in", 31), ("fuse_removemapping_in", 31), ("fuse_removemapping_one", 31),
    ("fuse_syncfs_in", 34),
    ("fuse_secctx", 36), ("fuse_secctx_header", 36),
    ("fuse_ext_header", 38), ("fuse_supp_groups", 38),
    ("fuse_statx", 39), ("fuse_statx_in", 39), ("fuse_statx_out", 39), ("fuse_sx_time", 39),
    ("fuse_backing_map", 40),
    ("fuse_uring_ent_in_out", 42), ("fuse_uring_req_header", 42), ("fuse_uring_cmd_req", 42),
    ("fuse_copy_file_range_out", 45), ("fuse_notify_prune_out", 45),
];

/// Constants newer than 7.14, with the minor version that brought them. 0: the header names no
/// version.
#[rustfmt::skip]
const LATER_CONSTANTS: &[(&str, u32)] = &[
    ("FUSE_SPLICE_WRITE", 0), ("FUSE_SPLICE_MOVE", 0), ("FUSE_SPLICE_READ", 0), ("FUSE_HAS_IOCTL_DIR", 0),
    ("FUSE_DEV_IOC_MAGIC", 0), ("FUSE_DEV_IOC_CLONE", 0), ("FUSE_DEV_IOC_SYNC_INIT", 0),
    ("FUSE_COMPAT_INIT_OUT_SIZE", 0), ("FOPEN_STREAM", 0),
    ("FUSE_IOCTL_32BIT", 16),
    ("FUSE_FLOCK_LOCKS", 17), ("FUSE_RELEASE_FLOCK_UNLOCK", 17),
    ("FUSE_IOCTL_DIR", 18),
    ("FUSE_AUTO_INVAL_DATA", 20),
    ("FUSE_DO_READDIRPLUS", 21), ("FUSE_READDIRPLUS_AUTO", 21), ("FUSE_NAME_OFFSET_DIRENTPLUS", 21),
    ("FUSE_ASYNC_DIO", 22),
    ("FUSE_WRITEBACK_CACHE", 23), ("FUSE_NO_OPEN_SUPPORT", 23), ("FATTR_CTIME", 23),
    ("FUSE_COMPAT_22_INIT_OUT_SIZE", 23),
    ("FUSE_PARALLEL_DIROPS", 25),
    ("FUSE_HANDLE_KILLPRIV", 26), ("FUSE_POSIX_ACL", 26),
    ("FUSE_ABORT_ERROR", 27),
    ("FUSE_MAX_PAGES", 28), ("FUSE_CACHE_SYMLINKS", 28), ("FOPEN_CACHE_DIR", 28),
    ("FUSE_NO_OPENDIR_SUPPORT", 29),
    ("FUSE_EXPLICIT_INVAL_DATA", 30), ("FUSE_IOCTL_COMPAT_X32", 30),
    ("FUSE_MAP_ALIGNMENT", 31), ("FUSE_WRITE_KILL_PRIV", 31), ("FUSE_SETUPMAPPING_FLAG_WRITE", 31),
    ("FUSE_SETUPMAPPING_FLAG_READ", 31), ("FUSE_REMOVEMAPPING_MAX_ENTRY", 31),
    ("FUSE_SUBMOUNTS", 32), ("FUSE_ATTR_SUBMOUNT", 32),
    ("FUSE_HANDLE_KILLPRIV_V2", 33), ("FUSE_SETXATTR_EXT", 33), ("FUSE_WRITE_KILL_SUIDGID", 33),
    ("FATTR_KILL_SUIDGID", 33), ("FUSE_OPEN_KILL_SUIDGID", 33), ("FUSE_SETXATTR_ACL_KILL_SGID", 33),
    ("FUSE_COMPAT_SETXATTR_IN_SIZE", 33),
    ("FOPEN_NOFLUSH", 35),
    ("FUSE_INIT_EXT", 36), ("FUSE_INIT_RESERVED", 36), ("FUSE_SECURITY_CTX", 36), ("FUSE_HAS_INODE_DAX", 36),
    ("FUSE_ATTR_DAX", 36),
    ("FUSE_HAS_EXPIRE_ONLY", 38), ("FUSE_EXPIRE_ONLY", 38), ("FOPEN_PARALLEL_DIRECT_WRITES", 38),
    ("FUSE_CREATE_SUPP_GROUP", 38),
    ("FUSE_DIRECT_IO_ALLOW_MMAP", 39), ("FUSE_DIRECT_IO_RELAX", 39),
    ("FUSE_PASSTHROUGH", 40), ("FOPEN_PASSTHROUGH", 40), ("FUSE_NO_EXPORT_SUPPORT", 40), ("FUSE_HAS_RESEND", 40),
    ("FUSE_UNIQUE_RESEND", 40), ("FUSE_DEV_IOC_BACKING_OPEN", 40), ("FUSE_DEV_IOC_BACKING_CLOSE", 40),
    ("FUSE_ALLOW_IDMAP", 41), ("FUSE_INVALID_UIDGID", 41),
    ("FUSE_OVER_IO_URING", 42), ("FUSE_URING_IN_OUT_HEADER_SZ", 42), ("FUSE_URING_OP_IN_OUT_SZ", 42),
    ("FUSE_REQUEST_TIMEOUT", 43),
];

/// Not a number of the protocol: an expression of C for the start of a name, which is
/// [`Dirent::SIZE`] here.
const NO_NUMBER: &[&str] = &["FUSE_NAME_OFFSET"];

const LATER_NOTIFY_CODES: &[(&str, u32)] = &[
    ("FUSE_NOTIFY_STORE", 15),
    ("FUSE_NOTIFY_RETRIEVE", 15),
    ("FUSE_NOTIFY_DELETE", 18),
    ("FUSE_NOTIFY_RESEND", 40),
    ("FUSE_NOTIFY_INC_EPOCH", 44),
    ("FUSE_NOTIFY_PRUNE", 45),
    ("FUSE_NOTIFY_CODE_MAX", 0), // one more than the last
];

/// No opcodes: what INIT's would look like in the wrong byte order.
const RESERVED_OPCODES: &[&str] = &["CUSE_INIT_BSWAP_RESERVED", "FUSE_INIT_BSWAP_RESERVED"];

#[test]
fn structs_lie_as_in_the_header() {
    let header = Header::read();
    for name in header.structs.keys() {
        let ours = ALL.iter().any(|layout| layout.name == name);
        let later = LATER_STRUCTS.iter().any(|(later, _)| later == name);
        assert!(
            ours != later,
            "{}",
            what_to_do(
                &header,
                &format!("struct {name}"),
                "LATER_STRUCTS of tests/kernel_header.rs",
                ours
            )
        );
    }
    let mut wanted = BTreeMap::new();
    let mut program = Program::new();
    for layout in ALL {
        let Some(fields_today) = header.structs.get(layout.name) else {
            panic!("{} has no struct {}", header.path.display(), layout.name);
        };
        for field in layout.fields {
            let today = names_today(layout.name, field.name, fields_today);
            let place = format!("{}.{}", layout.name, field.name);
            program.print(
                &format!("{place} at"),
                &format!("offsetof(struct {}, {})", layout.name, today[0]),
            );
            let sizes: Vec<_> = today
                .iter()
                .map(|today| format!("sizeof(((struct {} *)0)->{today})", layout.name))
                .collect();
            program.print(&format!("{place} takes"), &sizes.join("+"));
            wanted.insert(format!("{place} at"), field.offset as i64);
            wanted.insert(format!("{place} takes"), field.size as i64);
        }
        let size = match GROWN.iter().find(|(name, _)| *name == layout.name) {
            None => format!("sizeof(struct {})", layout.name),
            Some((_, Some(constant))) if header.defines.iter().any(|name| name == constant) => {
                constant.to_string()
            }
            Some((_, Some(_))) => format!("sizeof(struct {})", layout.name), // a header from before it grew
            Some((_, None)) => "16".to_string(),
        };
        program.print(layout.name, &size);
        wanted.insert(layout.name.to_string(), layout.size as i64);
    }
    compare(&header, "step02_wire::abi", &wanted, &program.run());
}

#[test]
fn fields_fill_their_struct_without_holes() {
    for layout in ALL {
        let end = layout.fields.iter().fold(0, |at, field| {
            assert_eq!(field.offset, at, "a hole before {}.{}", layout.name, field.name);
            at + field.size
        });
        assert_eq!(end, layout.size, "a hole at the end of {}", layout.name);
    }
}

#[test]
fn constants_have_the_headers_values() {
    let header = Header::read();
    let mut ours: BTreeMap<String, i64> = flag_constants();
    ours.extend(CONSTANTS.iter().map(|&(name, value)| (name.to_string(), value as i64)));
    for name in &header.defines {
        let known = ours.contains_key(name);
        let later = LATER_CONSTANTS.iter().any(|(later, _)| later == name)
            || NO_NUMBER.contains(&name.as_str());
        assert!(
            known != later,
            "{}",
            what_to_do(&header, name, "LATER_CONSTANTS of tests/kernel_header.rs", known)
        );
    }
    let mut program = Program::new();
    for name in ours.keys() {
        program.print(name, name);
    }
    let mut theirs = program.run();
    let minor = theirs
        .insert("FUSE_KERNEL_MINOR_VERSION".to_string(), 14)
        .expect("the header has a minor version");
    assert!(minor >= 14, "{} is of protocol 7.{minor}, older than this kit", header.path.display());
    // fdatasync's bit is older than its name.
    if minor < 31 && !header.defines.iter().any(|name| name == "FUSE_FSYNC_FDATASYNC") {
        ours.remove("FUSE_FSYNC_FDATASYNC");
    }
    compare(&header, "step02_wire::abi", &ours, &theirs);
}

#[test]
fn opcodes_have_the_headers_numbers() {
    let header = Header::read();
    let mut ours = BTreeMap::new();
    for opcode in Opcode::ALL {
        ours.insert(kernel_opcode(opcode.name()), *opcode as i64);
    }
    for name in &header.opcodes {
        let known = ours.contains_key(name);
        let later = LATER_OPCODES.iter().any(|later| kernel_opcode(later.name) == *name);
        let reserved = RESERVED_OPCODES.contains(&name.as_str());
        assert!(
            known != (later || reserved),
            "{}",
            what_to_do(&header, name, "LATER_OPCODES of src/abi/opcode.rs", known)
        );
    }
    for later in
        LATER_OPCODES.iter().filter(|later| header.opcodes.contains(&kernel_opcode(later.name)))
    {
        assert!(later.since > KERNEL_MINOR_VERSION, "{} is not later than 7.14", later.name);
        ours.insert(kernel_opcode(later.name), later.number as i64);
    }
    let mut program = Program::new();
    for name in ours.keys() {
        program.print(name, name);
    }
    compare(&header, "abi::Opcode", &ours, &program.run());
}

#[test]
fn notify_codes_have_the_headers_numbers() {
    let header = Header::read();
    let ours: BTreeMap<_, _> =
        NotifyCode::ALL.iter().map(|code| (format!("FUSE_{code}"), *code as i64)).collect();
    for name in &header.notify_codes {
        let known = ours.contains_key(name);
        let later = LATER_NOTIFY_CODES.iter().any(|(later, _)| later == name);
        assert!(
            known != later,
            "{}",
            what_to_do(&header, name, "LATER_NOTIFY_CODES of tests/kernel_header.rs", known)
        );
    }
    let mut program = Program::new();
    for name in ours.keys() {
        program.print(name, name);
    }
    compare(&header, "abi::NotifyCode", &ours, &program.run());
}

/// Every flag under the kernel's name.
fn flag_constants() -> BTreeMap<String, i64> {
    fn add<F: Flags<Bits = u32>>(all: &mut BTreeMap<String, i64>, prefix: &str) {
        all.extend(
            F::FLAGS
                .iter()
                .map(|flag| (format!("{prefix}{}", flag.name()), i64::from(flag.value().bits()))),
        );
    }
    let mut all = BTreeMap::new();
    add::<InitFlags>(&mut all, InitFlags::PREFIX);
    add::<CuseInitFlags>(&mut all, CuseInitFlags::PREFIX);
    add::<SetattrValid>(&mut all, SetattrValid::PREFIX);
    add::<OpenReplyFlags>(&mut all, OpenReplyFlags::PREFIX);
    add::<ReleaseFlags>(&mut all, ReleaseFlags::PREFIX);
    add::<GetattrFlags>(&mut all, GetattrFlags::PREFIX);
    add::<LockFlags>(&mut all, LockFlags::PREFIX);
    add::<WriteFlags>(&mut all, WriteFlags::PREFIX);
    add::<ReadFlags>(&mut all, ReadFlags::PREFIX);
    add::<FsyncFlags>(&mut all, FsyncFlags::PREFIX);
    add::<IoctlFlags>(&mut all, IoctlFlags::PREFIX);
    add::<PollFlags>(&mut all, PollFlags::PREFIX);
    all
}

fn kernel_opcode(name: &str) -> String {
    if name.starts_with("CUSE_") { name.to_string() } else { format!("FUSE_{name}") }
}

/// The names that the header has today for a field of ours.
fn names_today<'a>(structure: &str, field: &'a str, fields_today: &[String]) -> Vec<&'a str> {
    let renamed = RENAMED.iter().find(|(in_struct, ours, today)| {
        *in_struct == structure
            && *ours == field
            && fields_today.iter().any(|name| name == today[0])
    });
    match renamed {
        Some((_, _, today)) => today.to_vec(),
        None => {
            assert!(
                fields_today.iter().any(|name| name == field),
                "struct {structure} of the header has no field {field}; it has {fields_today:?}. \
                 If a newer header renamed it, add that to RENAMED in {}",
                file!()
            );
            vec![field]
        }
    }
}

fn what_to_do(header: &Header, name: &str, table: &str, twice: bool) -> String {
    let path = header.path.display();
    if twice {
        return format!(
            "{name} is in step02_wire::abi and in {table} as well: take it out of {table}"
        );
    }
    format!(
        "{path} has {name}, and step02_wire knows nothing of it.\n\
         The changelog at the top of the header says which version brought it.\n\
         If that is after 7.14, add it to {table}, with that minor version.\n\
         If not, it is missing from step02_wire::abi."
    )
}

/// All differences at once.
fn compare(
    header: &Header,
    what: &str,
    ours: &BTreeMap<String, i64>,
    theirs: &BTreeMap<String, i64>,
) {
    let mut differences = String::new();
    for (name, value) in ours {
        if theirs.get(name) != Some(value) {
            let _ = writeln!(
                differences,
                "  {name}: ours {value}, the header's {:?}",
                theirs.get(name)
            );
        }
    }
    assert!(
        differences.is_empty(),
        "{what} differs from {}:\n{differences}",
        header.path.display()
    );
    assert!(!ours.is_empty());
}

/// A C program that prints numbers.
struct Program(String);

impl Program {
    fn new() -> Program {
        Program(
            "#include <linux/fuse.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n"
                .to_string(),
        )
    }

    fn print(&mut self, name: &str, expression: &str) {
        let _ = writeln!(self.0, "    printf(\"{name} %lld\\n\", (long long)({expression}));");
    }

    fn run(self) -> BTreeMap<String, i64> {
        run_c(&(self.0 + "    return 0;\n}\n"))
    }
}
