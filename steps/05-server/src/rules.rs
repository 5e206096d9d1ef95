//! The protocol's rules for answers, as a table.

use step02_wire::Operation;
use step02_wire::abi::*;

/// What the kernel accepts as the body of a good answer.
///
/// A longer body than this, or a shorter one where the size is fixed, is EINVAL to the server and EIO
/// to the client (`copy_out_args`, fs/fuse/dev.c): the request is over, and its real answer lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
// ANCHOR: body
pub enum Body {
    /// So many bytes.
    Exactly(usize),
    /// So many bytes or fewer.
    AtMost(usize),
    /// There is no answer, neither good nor bad.
    NoAnswer,
}
// ANCHOR_END: body

/// What may answer this request.
pub fn body_of_the_answer(operation: &Operation<'_>) -> Body {
    use Operation::*;
    match operation {
        Forget { .. } | Interrupt { .. } => Body::NoAnswer,

        Init { .. } => Body::Exactly(InitOut::SIZE),
        Lookup { .. } | Mknod { .. } | Mkdir { .. } | Symlink { .. } | Link { .. } => {
            Body::Exactly(EntryOut::SIZE)
        }
        Create { .. } => Body::Exactly(EntryOut::SIZE + OpenOut::SIZE),
        Getattr { .. } | Setattr { .. } => Body::Exactly(AttrOut::SIZE),
        Open { .. } | Opendir { .. } => Body::Exactly(OpenOut::SIZE),
        Write { .. } => Body::Exactly(WriteOut::SIZE),
        Statfs => Body::Exactly(StatfsOut::SIZE),
        Getlk { .. } => Body::Exactly(LkOut::SIZE),
        Bmap { .. } => Body::Exactly(BmapOut::SIZE),
        Poll { .. } => Body::Exactly(PollOut::SIZE),

        Read { arg } | Readdir { arg } => Body::AtMost(arg.size as usize),
        // A page, without the NUL that the kernel puts behind it.
        Readlink => Body::AtMost(4095),
        // A size of 0 asks for the size.
        Getxattr { arg, .. } | Listxattr { arg } => match arg.size {
            0 => Body::Exactly(GetxattrOut::SIZE),
            size => Body::AtMost(size as usize),
        },
        Ioctl { arg, .. } => Body::AtMost(IoctlOut::SIZE + arg.out_size as usize),

        Access { .. }
        | Flush { .. }
        | Release { .. }
        | Releasedir { .. }
        | Fsync { .. }
        | Fsyncdir { .. }
        | Unlink { .. }
        | Rmdir { .. }
        | Rename { .. }
        | Setxattr { .. }
        | Removexattr { .. }
        | Setlk { .. }
        | Setlkw { .. }
        | Destroy => Body::Exactly(0),
        // What this server does not know it answers with an error.
        CuseInit { .. } | Unknown { .. } => Body::Exactly(0),
    }
}

impl Body {
    /// May a body have so many bytes? Where there is no answer there is no body, not even an empty one.
    pub fn allows(self, len: usize) -> bool {
        // EXERCISE: 05.2
        match self {
            Body::Exactly(size) => len == size,
            Body::AtMost(size) => len <= size,
            Body::NoAnswer => false,
        }
        // EXERCISE_END: 05.2
    }
}
