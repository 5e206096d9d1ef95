//! /dev/fuse is a file.
//!
//! A FUSE server is an ordinary program that holds this file open. It reads one whole *request* per
//! `read(2)` and writes one whole *reply* per `write(2)`. What ties the open file to a directory is
//! `mount(2)`, which takes the descriptor's number as an option.
//!
//! ```no_run
//! use step01_device::{BUFFER_SIZE, Device, Mount, Signals};
//!
//! let signals = Signals::block()?; // first of all, so that Ctrl-C never leaves a mount behind
//! let device = Device::open()?;
//! let mount = Mount::new(&device, "/tmp/m".as_ref(), "hello", &[])?;
//! signals.unmount(&mount)?;
//!
//! let mut buffer = vec![0; BUFFER_SIZE];
//! let request = device.read_message(&mut buffer)?;
//! println!("the kernel says: {request:02x?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Four things, one per module: [`Device`], [`Mount`], [`Signals`], [`Hexdump`].

mod device;
mod hexdump;
mod mount;
mod mountinfo;
mod signals;

pub use device::{BUFFER_SIZE, Device, OpenError, ReadFault, Written};
pub use hexdump::Hexdump;
pub use mount::{Mount, MountError, SAFE, fit_mount_point};
pub use mountinfo::{Mounted, mounted_on};
pub use signals::Signals;
