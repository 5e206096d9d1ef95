//! A FUSE server for protocol 7.14, by hand: one door to all that steps 01 to 12 build.
//!
//! Write a [`Filesystem`], [`mount`], serve. What a READ answers with [`Data::From`] goes from its file, block
//! device or socket to the kernel by `splice(2)`, where this machine allows it.
//!
//! ```no_run
//! use std::ffi::OsStr;
//! use std::fs::File;
//! use std::os::fd::OwnedFd;
//! use std::sync::Arc;
//!
//! use fuse714::abi::*;
//! use fuse714::{Data, Dirents, Errno, Files, Filesystem, MountOptions, ServeOptions, libc};
//!
//! /// One directory with one file in it, which is another file.
//! struct Shown(Arc<OwnedFd>, u64);
//!
//! impl Shown {
//!     fn attr(&self, node: u64) -> Attr {
//!         let (mode, size) = match node {
//!             ROOT_ID => (libc::S_IFDIR | 0o555, 0),
//!             _ => (libc::S_IFREG | 0o444, self.1),
//!         };
//!         Attr { ino: node, mode, size, nlink: 1, ..Attr::default() }
//!     }
//! }
//!
//! impl Filesystem for Shown {
//!     fn lookup(&self, _: &InHeader, name: &OsStr) -> Result<EntryOut, Errno> {
//!         match name.to_str() {
//!             Some("shown") => Ok(EntryOut { nodeid: 2, attr: self.attr(2), ..EntryOut::default() }),
//!             _ => Err(Errno::ENOENT),
//!         }
//!     }
//!
//!     fn getattr(&self, header: &InHeader, _: &GetattrIn) -> Result<AttrOut, Errno> {
//!         Ok(AttrOut { attr: self.attr(header.nodeid), ..AttrOut::default() })
//!     }
//!
//!     fn read(&self, _: &InHeader, arg: &ReadIn) -> Result<Data, Errno> {
//!         let (fd, offset) = (Arc::clone(&self.0), Some(arg.offset));
//!         Ok(Data::From { fd, offset, len: arg.size as usize })
//!     }
//!
//!     fn readdir(&self, _: &InHeader, arg: &ReadIn, told: &mut Dirents) -> Result<(), Errno> {
//!         if arg.offset == 0 {
//!             let _fits = told.push(2, 1, libc::DT_REG.into(), OsStr::new("shown"));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let file = File::open("/etc/services")?;
//! let size = file.metadata()?.len();
//!
//! let options = MountOptions { read_only: true, ..MountOptions::default() };
//! let mounted = fuse714::mount("/tmp/m", &options)?;
//! println!("Look: cat {}/shown", mounted.path().display());
//! let served = mounted.serve(&ServeOptions::default(), &Files(Shown(Arc::new(file.into()), size)))?;
//! println!("Unmounted. Answers: {}.", served.counts());
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
//! * [`MountOptions`] say how to mount: as root by mount(2), as anybody else through fusermount3(1).
//!   [`Mounted`] is mounted, and unmounts when it is dropped; so do Ctrl-C and SIGTERM.
//! * [`ServeOptions`] say how to serve: how many workers, by splice or by copying, which limits.
//!   [`Mounted::agree`] and [`Agreed::serve`] are the two halves of [`Mounted::serve`], for who has
//!   something to do between.
//! * [`background`] puts the server into the background. [`probe`] tells what works on this machine.
//! * [`Filesystem`] is the high door: typed, each operation answered at once. [`Handler`] is the low one: it
//!   sees each request whole and may answer later, by its [`Owed`].
//! * [`Mirror`] and [`Memfs`] are two file systems that are there already.

#![deny(missing_docs)]

mod background;
mod error;
mod fusermount;
mod mount;
mod options;
mod probe;
mod serve;

pub use background::{Background, background};
pub use error::Error;
pub use fusermount::FusermountError;
pub use mount::{Mounted, mount};
pub use options::{MountBy, MountOptions, OptionError};
pub use probe::{Offer, Probe, Splicing, probe};
pub use serve::{Agreed, CannotSplice, LockKeeper, Requests, ServeOptions, Served, Splice};

pub use nix::errno::Errno;
pub use nix::libc;
pub use nix::mount::MsFlags;
pub use step01_device::{Device, MountError};
pub use step02_wire::abi;
pub use step02_wire::{Dirents, Opcode, Operation, TraceStyle};
pub use step03_handshake::{Agreement, Wishes};
pub use step05_server::{
    Answer, Data, Files, Filesystem, Handler, Owed, Payload, Request, ServeError,
};
pub use step06_memfs::{Memfs, parse_size};
pub use step07_mirror::{Mirror, SourceError, Unchecked, raise_descriptor_limit};
pub use step08_threads::Interrupts;
pub use step09_notify::{Courier, Notifier, Polls, Queue, Told};
pub use step10_pipe::Vmsplice;
pub use step11_splice_reply::{Counts, Reason, Strategy};
