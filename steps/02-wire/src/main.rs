//! Mounts, shows the first message that the kernel sends with all its fields, refuses it, unmounts.

use anyhow::Context;
use clap::Parser;
use nix::errno::Errno;
use std::path::PathBuf;
use step01_device::{BUFFER_SIZE, Device, Mount, ReadFault, Signals};
use step02_wire::{Question, Trace, TraceStyle, decode, encode, fields};

/// Step 02: the bytes have names. Shows the first message of the kernel field by field.
#[derive(Parser)]
struct Arguments {
    /// An empty directory to mount on.
    mountpoint: PathBuf,
    /// Print the conversation on stderr; STYLE is raw, stable (requests numbered from 1) or bytes.
    #[arg(
        long,
        value_name = "STYLE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "raw"
    )]
    trace: Option<TraceStyle>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut trace = Trace::new(arguments.trace.unwrap_or(TraceStyle::Raw));
    let traced = |line: String| {
        if arguments.trace.is_some() {
            eprintln!("{line}");
        }
        line
    };
    let signals = Signals::block().context("cannot block signals")?;

    let device = Device::open()?;
    let mount = Mount::new(&device, &arguments.mountpoint, "step02-wire", &[])?;
    signals.unmount(&mount).context("cannot start the thread that waits for signals")?;

    let mut buffer = vec![0; BUFFER_SIZE];
    let Some(request) = read_request(&device, &mut buffer)? else {
        println!("Unmounted before a message came.");
        return Ok(());
    };
    println!("The message that step 01 could not read, {} bytes:\n", request.len());
    println!("{}", fields::request(&request));
    println!("On one line, as --trace prints it:\n\n{}\n", traced(trace.request(&request)));

    let (header, operation) = decode(&request).context("the kernel's message cannot be read")?;
    let answer = encode::error(header.unique, Errno::EPROTO);
    device.write_message(&answer).context("cannot write the answer to /dev/fuse")?;
    println!(
        "We have no version to offer yet, so the answer is an error, {} bytes:\n",
        answer.len()
    );
    println!("{}", fields::reply(Question::of(&header, &operation), &answer));
    println!("{}\n", traced(trace.reply(&answer)));
    println!(
        "The kernel now turns every client away (ECONNREFUSED), and we unmount.\n\
         Next, step 03 answers INIT as it should be: with a version, flags and sizes."
    );
    Ok(())
}

/// The next message, or `None` when someone unmounted.
fn read_request(device: &Device, buffer: &mut [u8]) -> anyhow::Result<Option<Vec<u8>>> {
    loop {
        match device.read_message(buffer) {
            Ok(message) => return Ok(Some(message.to_vec())),
            Err(ReadFault::Again) => {}
            Err(ReadFault::Unmounted) => return Ok(None),
            Err(fault) => return Err(fault.into()),
        }
    }
}
