//! From the low door to the high one.

use nix::errno::Errno;
use step02_wire::abi::{
    AttrOut, BmapOut, EntryOut, GetxattrOut, LkOut, OpenOut, PollOut, StatfsOut, WireStruct,
    WriteOut,
};
use step02_wire::{Dirents, Operation};
use zerocopy::IntoBytes;

use crate::answer::Answer;
use crate::filesystem::Filesystem;
use crate::owed::Owed;
use crate::request::Request;
use crate::serve::Handler;

/// Makes a [`Handler`] of a [`Filesystem`]: calls the operation, and answers with what it returns.
#[derive(Debug, Clone, Copy)]
pub struct Files<F>(pub F);

// ANCHOR: handle
impl<F: Filesystem> Handler for Files<F> {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        match request.operation {
            Operation::Forget { arg } => {
                self.0.forget(request.header, arg.nlookup);
                owed.nothing();
            }
            // Whatever it interrupts was answered before this was read.
            Operation::Interrupt { .. } => owed.nothing(),
            _ => owed.answer(answer(&self.0, request)),
        }
    }
}
// ANCHOR_END: handle

fn answer(fs: &impl Filesystem, request: Request<'_>) -> Result<Answer, Errno> {
    use Operation::*;
    let Request { header, operation, payload } = request;
    match operation {
        Lookup { name } => fs.lookup(header, name).map(|entry| Answer::of(&entry)),
        Mknod { arg, name } => fs.mknod(header, &arg, name).map(|entry| Answer::of(&entry)),
        Mkdir { arg, name } => fs.mkdir(header, &arg, name).map(|entry| Answer::of(&entry)),
        Symlink { name, target } => {
            fs.symlink(header, name, target).map(|entry| Answer::of(&entry))
        }
        Link { arg, name } => fs.link(header, &arg, name).map(|entry| Answer::of(&entry)),
        Unlink { name } => fs.unlink(header, name).map(done),
        Rmdir { name } => fs.rmdir(header, name).map(done),
        Rename { arg, name, new_name } => fs.rename(header, &arg, name, new_name).map(done),
        Create { arg, name } => fs.create(header, &arg, name).map(created),

        Getattr { arg } => fs.getattr(header, &arg).map(|attr: AttrOut| Answer::of(&attr)),
        Setattr { arg } => fs.setattr(header, &arg).map(|attr: AttrOut| Answer::of(&attr)),
        Readlink => fs.readlink(header).map(Answer::from),
        Access { arg } => fs.access(header, &arg).map(done),
        Statfs => fs.statfs(header).map(|st| Answer::of(&StatfsOut { st })),
        Setxattr { arg, name, value } => fs.setxattr(header, &arg, name, value).map(done),
        Getxattr { arg, name } => {
            fs.getxattr(header, name).and_then(|value| sized(value, arg.size))
        }
        Listxattr { arg } => fs.listxattr(header).and_then(|names| sized(names, arg.size)),
        Removexattr { name } => fs.removexattr(header, name).map(done),
        Bmap { arg } => fs.bmap(header, &arg).map(|block| Answer::of(&BmapOut { block })),

        Open { arg } => fs.open(header, &arg).map(|open| Answer::of(&open)),
        Read { arg } => fs.read(header, &arg).map(Answer::from),
        Write { arg } => {
            let size = fs.write(header, &arg, payload)?;
            Ok(Answer::of(&WriteOut { size, padding: 0 }))
        }
        Flush { arg } => fs.flush(header, &arg).map(done),
        Release { arg } => fs.release(header, &arg).map(done),
        Fsync { arg } => fs.fsync(header, &arg).map(done),
        Getlk { arg } => fs.getlk(header, &arg).map(|lk| Answer::of(&LkOut { lk })),
        Setlk { arg } => fs.setlk(header, &arg).map(done),
        Setlkw { arg } => fs.setlkw(header, &arg).map(done),
        Ioctl { arg, data } => {
            let (out, data) = fs.ioctl(header, &arg, data)?;
            Ok(Answer::from([out.as_bytes(), &data].concat()))
        }
        Poll { arg } => {
            let revents = fs.poll(header, &arg)?;
            Ok(Answer::of(&PollOut { revents, padding: 0 }))
        }

        Opendir { arg } => fs.opendir(header, &arg).map(|open| Answer::of(&open)),
        Readdir { arg } => {
            let mut listing = Dirents::new(arg.size as usize);
            fs.readdir(header, &arg, &mut listing)?;
            Ok(Answer::from(listing.into_bytes()))
        }
        Releasedir { arg } => fs.releasedir(header, &arg).map(done),
        Fsyncdir { arg } => fs.fsyncdir(header, &arg).map(done),

        Destroy => {
            fs.destroy();
            Ok(Answer::empty())
        }
        // INIT again: the handshake is over. FORGET and INTERRUPT never get here.
        Init { .. } | CuseInit { .. } | Forget { .. } | Interrupt { .. } => Err(Errno::EIO),
        Unknown { .. } => Err(Errno::ENOSYS),
    }
}

fn done((): ()) -> Answer {
    Answer::empty()
}

fn created((entry, open): (EntryOut, OpenOut)) -> Answer {
    Answer::from([entry.as_bytes(), open.as_bytes()].concat())
}

/// The bytes of an extended attribute, or of a list of their names, for a caller who has room for so many.
/// Room for 0 asks for their number alone, which is [`GetxattrOut`], however many there are.
///
/// # Errors
///
/// ERANGE: the room is too small. E2BIG: no u32 can say their number, so no room would do.
fn sized(bytes: Vec<u8>, room: u32) -> Result<Answer, Errno> {
    // EXERCISE: 05.4
    match u32::try_from(bytes.len()) {
        Ok(size) if room == 0 => Ok(Answer::of(&GetxattrOut { size, ..GetxattrOut::default() })),
        Ok(size) if size <= room => Ok(Answer::from(bytes)),
        Ok(_) => Err(Errno::ERANGE),
        Err(_) => Err(Errno::E2BIG),
    }
    // EXERCISE_END: 05.4
}

// The two structs of the answer to CREATE follow each other without a hole.
const _: () = assert!(EntryOut::SIZE.is_multiple_of(8) && OpenOut::SIZE.is_multiple_of(8));
