//! Mounting for those who may not: fusermount3(1) is set-uid root, and does it for them.
//!
//! It is told the options on its command line, and in `_FUSE_COMMFD` the number of a socket. It opens /dev/fuse,
//! mounts, and sends the open descriptor through the socket.

use std::fmt;
use std::fs;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use nix::cmsg_space;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use step01_device::{Device, Mount, fit_mount_point, mounted_on};

use crate::error::Error;
use crate::options::MountOptions;

const FUSERMOUNT: &str = "fusermount3";

/// Has `dir` mounted.
pub fn mount(dir: &Path, options: &MountOptions) -> Result<(Device, Mount), Error> {
    let path = fit_mount_point(dir)?;
    let (ours, theirs) = UnixStream::pair()?;
    let error = |why| FusermountError { dir: path.clone(), why };
    // ANCHOR: ask
    let told = Command::new(FUSERMOUNT)
        .arg("-o")
        .arg(options.for_fusermount())
        .arg("--")
        .arg(&path)
        // The socket is its standard input: so it needs no descriptor that only some programs inherit.
        .env("_FUSE_COMMFD", "0")
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        // Ctrl-C is for us: it must not die between mounting and telling.
        .process_group(0)
        .output()
        .map_err(|e| error(Why::NotStarted(e)))?;
    if !told.status.success() {
        let said = String::from_utf8_lossy(&told.stderr).trim().to_owned();
        return Err(error(Why::Refused(told.status, said)).into());
    }
    let device = Device::from(received(&ours)?.ok_or_else(|| error(Why::NoDescriptor))?);
    // ANCHOR_END: ask
    let mount = Mount::made_elsewhere(&device, &path, detach)?;
    Ok((device, mount))
}

/// The descriptor that comes through a socket, if one does (SCM_RIGHTS, unix(7)).
// ANCHOR: receive
fn received(socket: &UnixStream) -> io::Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut room = cmsg_space!(RawFd);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut bytes, Some(&mut room), flags)?;
    let mut fds = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(sent) = part {
            // SAFETY: the kernel has just made these descriptors for us, and nobody else knows of them.
            fds.extend(sent.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    Ok(fds.pop())
}
// ANCHOR_END: receive

/// Aborts the connection, then has `path` unmounted: `fusermount3 -u -z`.
///
/// MNT_FORCE is not for us, and without it a worker that waits in read(2) would wait for as long as some
/// client has a file open there.
// ANCHOR: detach
fn detach(path: &Path) -> io::Result<()> {
    if let Err(error) = abort(path) {
        eprintln!(
            "cannot abort the connection ({error}): what is open on {} is served until it is closed. \
             A second signal ends the server at once",
            path.display()
        );
    }
    let told = Command::new(FUSERMOUNT)
        .args(["-u", "-z", "--"])
        .arg(path)
        .stdin(Stdio::null())
        .process_group(0)
        .output()?;
    if told.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&told.stderr);
    Err(io::Error::other(format!("{} ({})", said.trim(), told.status)))
}
// ANCHOR_END: detach

/// The control file system names each connection by the number of its device. Its files belong to whoever
/// mounted. To ask the mount itself for its number (stat(2)) would be to ask ourselves.
fn abort(path: &Path) -> io::Result<()> {
    let Some(mounted) = mounted_on(path)? else { return Ok(()) };
    let minor = mounted.device_number.split_once(':').map_or("", |(_, minor)| minor);
    let file = format!("/sys/fs/fuse/connections/{minor}/abort");
    fs::write(&file, "1").map_err(|e| io::Error::other(format!("{file}: {e}")))
}

/// Why fusermount3 did not mount, and what mends it.
#[derive(Debug)]
pub struct FusermountError {
    dir: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    NotStarted(io::Error),
    Refused(ExitStatus, String),
    NoDescriptor,
}

impl fmt::Display for FusermountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot mount on {}: ", self.dir.display())?;
        match &self.why {
            Why::NotStarted(error) if error.kind() == io::ErrorKind::NotFound => write!(
                f,
                "mount(2) is for root, and {FUSERMOUNT}, which mounts for others, is missing.\n\
                 Install it: sudo apt-get install fuse3"
            ),
            Why::NotStarted(error) => write!(f, "cannot start {FUSERMOUNT}: {error}"),
            Why::Refused(status, said) => {
                match said.is_empty() {
                    true => write!(f, "{FUSERMOUNT} failed ({status})")?,
                    false => write!(f, "{said}")?,
                }
                mending(said).map_or(Ok(()), |mend| write!(f, "\n{mend}"))
            }
            Why::NoDescriptor => {
                write!(f, "{FUSERMOUNT} says that it mounted, and sent no descriptor of /dev/fuse")
            }
        }
    }
}

impl std::error::Error for FusermountError {}

/// What to type, by what fusermount3 said.
fn mending(said: &str) -> Option<&'static str> {
    let has = |text| said.contains(text);
    if has("user_allow_other") {
        return Some("Allow it: echo user_allow_other | sudo tee --append /etc/fuse.conf");
    }
    if has("failed to open /dev/fuse") && has("Permission denied") {
        return Some("Let every user open it: sudo chmod 0666 /dev/fuse");
    }
    if has("/dev/fuse") {
        return Some("Is the kernel's module loaded? Try: sudo modprobe fuse");
    }
    if has("no write access") {
        return Some("Mount on a directory of your own.");
    }
    if has("Operation not permitted") {
        return Some(
            "It must be set-uid root, and may not be: sudo chmod u+s \"$(command -v fusermount3)\"",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{ControlMessage, sendmsg};
    use std::fs::File;
    use std::io::{IoSlice, Read, Write};
    use std::os::unix::process::ExitStatusExt;

    fn sent(fds: &[RawFd]) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let rights = [ControlMessage::ScmRights(fds)];
        let rights = if fds.is_empty() { &[] } else { &rights[..] };
        let byte = [IoSlice::new(&[0])];
        sendmsg::<()>(theirs.as_raw_fd(), &byte, rights, MsgFlags::empty(), None).unwrap();
        ours
    }

    #[test]
    fn a_descriptor_comes_through_a_socket() {
        let (reader, mut writer) = io::pipe().unwrap();
        let socket = sent(&[reader.as_raw_fd()]);
        drop(reader);
        let received = received(&socket).unwrap().unwrap();
        writer.write_all(b"through").unwrap();
        drop(writer);
        let mut text = String::new();
        File::from(received).read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn nothing_and_a_byte_alone_are_no_descriptor() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert!(received(&ours).unwrap().is_none());
        assert!(received(&sent(&[])).unwrap().is_none());
    }

    #[test]
    fn each_refusal_names_what_mends_it() {
        let say = |why| FusermountError { dir: "/tmp/m".into(), why }.to_string();
        let missing = io::Error::from(io::ErrorKind::NotFound);
        assert_eq!(
            say(Why::NotStarted(missing)),
            "cannot mount on /tmp/m: mount(2) is for root, and fusermount3, which mounts for others, is \
             missing.\nInstall it: sudo apt-get install fuse3"
        );
        let refused = |said: &str| say(Why::Refused(ExitStatus::from_raw(256), said.into()));
        for (said, mend) in [
            ("option allow_other only allowed if 'user_allow_other' is set", "sudo tee"),
            ("failed to open /dev/fuse: Permission denied", "sudo chmod 0666 /dev/fuse"),
            ("fuse device not found, /dev/fuse", "sudo modprobe fuse"),
            ("user has no write access to mountpoint /mnt", "a directory of your own."),
            ("mount failed: Operation not permitted", "sudo chmod u+s"),
        ] {
            let text = refused(said);
            assert!(text.contains(said) && text.contains(mend), "{text}");
        }
        assert_eq!(refused(""), "cannot mount on /tmp/m: fusermount3 failed (exit status: 1)");
    }

    #[test]
    fn what_is_not_mounted_is_not_aborted() {
        abort(Path::new("/no/such/place")).unwrap();
    }
}
