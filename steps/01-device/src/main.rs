//! Mounts, shows the first message that the kernel sends, answers it, unmounts.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use nix::errno::Errno;
use step01_device::{BUFFER_SIZE, Device, Hexdump, Mount, ReadFault, Signals};

/// Step 01: /dev/fuse is a file. Shows the first message the kernel sends to a FUSE server.
#[derive(Parser)]
struct Arguments {
    /// An empty directory to mount on.
    mountpoint: PathBuf,
    /// Print each system call on stderr, as it happens.
    #[arg(long)]
    trace: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let trace = |call: &str| {
        if arguments.trace {
            eprintln!("{call}");
        }
    };
    let colour = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let signals = Signals::block().context("cannot block signals")?;

    let device = Device::open()?;
    trace("open(\"/dev/fuse\", O_RDWR|O_CLOEXEC)");
    let mount = Mount::new(&device, &arguments.mountpoint, "step01-device", &[])?;
    trace(&format!("mount(\"step01-device\", {:?}, \"fuse\", …)", mount.path()));
    signals.unmount(&mount).context("cannot start the thread that waits for signals")?;
    println!("Mounted on {}. The kernel speaks first:\n", mount.path().display());

    let mut buffer = vec![0; BUFFER_SIZE];
    let request = loop {
        match device.read_message(&mut buffer) {
            // A second look at the buffer, since the borrow checker cannot see that `Again` ends it.
            Ok(message) => break message.to_vec(),
            Err(ReadFault::Again) => trace("read(…): again"),
            Err(ReadFault::Unmounted) => {
                println!("Unmounted before a message came.");
                return Ok(());
            }
            Err(fault) => return Err(fault.into()),
        }
    };
    trace(&format!("read(/dev/fuse, …, {BUFFER_SIZE}) = {}", request.len()));
    print!("{}", Hexdump { bytes: &request, colour });
    println!(
        "\nOne message, {} bytes: the first four bytes say so themselves, least significant first.\n\
         The eight from 0008 on are its `unique` number. Whoever answers must quote it.\n\
         We do not know yet what it asks. But each request gets one answer, so we say: error.\n",
        request.len()
    );

    let answer = refusal(&request).context("the kernel's message is shorter than its header")?;
    device.write_message(&answer).context("cannot write the answer to /dev/fuse")?;
    trace(&format!("write(/dev/fuse, …, {}) = {0}", answer.len()));
    print!("{}", Hexdump { bytes: &answer, colour });
    println!(
        "\nThe shortest answer there is: its length, an error number below zero ({}, EPROTO) and `unique`.\n\
         The kernel now turns every client away (ECONNREFUSED), and we unmount.\n\
         Next, step 02 gives each byte its name.",
        -(Errno::EPROTO as i32)
    );
    Ok(())
}

/// The answer «protocol error» to any request: 16 bytes of length, error and unique, each in the
/// machine's own byte order.
// ANCHOR: refusal
fn refusal(request: &[u8]) -> Option<[u8; 16]> {
    let unique = request.get(8..16)?;
    let mut answer = [0; 16];
    answer[0..4].copy_from_slice(&16_u32.to_ne_bytes());
    answer[4..8].copy_from_slice(&(-(Errno::EPROTO as i32)).to_ne_bytes());
    answer[8..16].copy_from_slice(unique);
    Some(answer)
}
// ANCHOR_END: refusal
