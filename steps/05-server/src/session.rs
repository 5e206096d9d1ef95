//! All of it together: mount first, then serve.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use step01_device::{BUFFER_SIZE, Device, Mount, MountError, OpenError, Signals};
use step02_wire::TraceStyle;
use step03_handshake::{Agreement, HandshakeError, TracedDevice, Wishes, handshake};

use crate::reply::{ReplyPath, WritePath};
use crate::request::{ReadPath, RequestPath};
use crate::serve::{Handler, serve};

/// A mounted file system that is not being served yet. Dropping it unmounts.
#[derive(Debug)]
pub struct Session {
    // The device goes first: then nobody waits for it any more when the mount goes.
    device: Arc<TracedDevice>,
    mount: Mount,
}

impl Session {
    /// Mounts on `dir`. From now on SIGINT, SIGTERM and SIGHUP unmount, in the whole process.
    ///
    /// Call it before starting threads. `source` is the name that mount(8) and df(1) show; `options` are
    /// mount options beside those that are always needed (fuse(4)); `trace` prints the conversation.
    pub fn mount(
        dir: &Path,
        source: &str,
        options: &[&str],
        trace: Option<TraceStyle>,
    ) -> Result<Session, ServeError> {
        let signals = Signals::block()?;
        let device = Device::open()?;
        let mount = Mount::new(&device, dir, source, options)?;
        signals.unmount(&mount)?;
        Ok(Session::over(device, mount, trace))
    }

    /// Over a mount that was made before, in another way. Its signals are the caller's business.
    pub fn over(device: Device, mount: Mount, trace: Option<TraceStyle>) -> Session {
        Session { device: Arc::new(TracedDevice::new(device, trace)), mount }
    }

    /// The mount point, as an absolute path without symbolic links.
    pub fn path(&self) -> &Path {
        self.mount.path()
    }

    /// The device, for paths of another kind.
    pub fn device(&self) -> &Arc<TracedDevice> {
        &self.device
    }

    /// Agrees with the kernel, then serves until the file system is unmounted.
    pub fn serve(self, wishes: &Wishes, handler: &dyn Handler) -> Result<(), ServeError> {
        let outward: Arc<dyn ReplyPath> = Arc::new(WritePath::new(Arc::clone(&self.device)));
        let mut inward = ReadPath::new(Arc::clone(&self.device));
        self.serve_along(&mut inward, &outward, wishes, handler)
    }

    /// The same, along other paths than `read(2)` and `write(2)`.
    pub fn serve_along(
        self,
        inward: &mut dyn RequestPath,
        outward: &Arc<dyn ReplyPath>,
        wishes: &Wishes,
        handler: &dyn Handler,
    ) -> Result<(), ServeError> {
        match self.agree(wishes)? {
            Some(_) => Ok(serve(inward, outward, handler)?),
            None => Ok(()),
        }
    }

    /// Agrees with the kernel: for servers with a loop of their own. `None`: the file system was unmounted
    /// first.
    pub fn agree(&self, wishes: &Wishes) -> Result<Option<Agreement>, ServeError> {
        match handshake(&self.device, &mut vec![0; BUFFER_SIZE], wishes) {
            Err(HandshakeError::Unmounted) => Ok(None),
            agreed => Ok(Some(agreed?.1)),
        }
    }
}

/// Why a file system cannot be mounted or served.
#[derive(Debug)]
pub enum ServeError {
    /// /dev/fuse cannot be opened.
    Open(OpenError),
    /// It cannot be mounted.
    Mount(MountError),
    /// The kernel and we cannot agree.
    Handshake(HandshakeError),
    /// A system call failed on the way.
    Io(io::Error),
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServeError::Open(error) => error.fmt(f),
            ServeError::Mount(error) => error.fmt(f),
            ServeError::Handshake(error) => error.fmt(f),
            ServeError::Io(error) => write!(f, "the server cannot go on: {error}"),
        }
    }
}

impl std::error::Error for ServeError {}

impl From<OpenError> for ServeError {
    fn from(error: OpenError) -> ServeError {
        ServeError::Open(error)
    }
}

impl From<MountError> for ServeError {
    fn from(error: MountError) -> ServeError {
        ServeError::Mount(error)
    }
}

impl From<HandshakeError> for ServeError {
    fn from(error: HandshakeError) -> ServeError {
        ServeError::Handshake(error)
    }
}

impl From<io::Error> for ServeError {
    fn from(error: io::Error) -> ServeError {
        ServeError::Io(error)
    }
}
