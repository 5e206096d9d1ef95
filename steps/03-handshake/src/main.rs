//! Mounts, agrees, prints the agreement and the next question.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use nix::errno::Errno;
use step01_device::{BUFFER_SIZE, Device, Mount, ReadFault, Signals};
use step02_wire::abi::{InitFlags, InitIn};
use step02_wire::display::Request;
use step02_wire::{Opcode, TraceStyle, decode, encode};
use step03_handshake::{Agreement, HandshakeError, TracedDevice, Wishes, handshake};

/// Step 03: the handshake. Agrees with the kernel, then shows the next question it asks.
#[derive(Parser)]
struct Arguments {
    /// An empty directory to mount on.
    mountpoint: PathBuf,
    /// Print the conversation on stderr; STYLE is raw, stable (requests numbered from 1) or bytes.
    #[arg(long, value_name = "STYLE", num_args = 0..=1, require_equals = true, default_missing_value = "raw")]
    trace: Option<TraceStyle>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let signals = Signals::block().context("cannot block signals")?;
    let device = Device::open()?;
    let mount = Mount::new(&device, &arguments.mountpoint, "step03-handshake", &[])?;
    signals.unmount(&mount).context("cannot start the thread that waits for signals")?;
    let device = TracedDevice::new(device, arguments.trace);

    let mut buffer = vec![0; BUFFER_SIZE];
    let wishes = Wishes::default();
    let (offer, agreement) = match handshake(&device, &mut buffer, &wishes) {
        Err(HandshakeError::Unmounted) => {
            println!("Unmounted before the two could agree.");
            return Ok(());
        }
        agreed => agreed?,
    };
    print_agreement(&offer, &wishes, &agreement);

    let path = mount.path().display();
    println!("\nAgreed. Now the kernel passes on what clients ask. Ask something: ls {path}\n");
    loop {
        match device.read_message(&mut buffer) {
            Ok(message) => return answer_once(&device, message),
            Err(ReadFault::Again) => {}
            Err(ReadFault::Unmounted) => {
                println!("Unmounted before anyone asked.");
                return Ok(());
            }
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// Prints one request, and answers that we cannot do that yet.
fn answer_once(device: &TracedDevice, message: &[u8]) -> anyhow::Result<()> {
    let owed = match decode(message) {
        Ok((header, operation)) => {
            let opcode = Opcode::from_u32(header.opcode);
            let meaning = opcode.map_or("newer than 7.14", Opcode::meaning);
            let request = Request { header: &header, operation: &operation, payload: None };
            println!("The next question, {} bytes: {meaning}\n\n  {request}", header.len);
            opcode.is_none_or(Opcode::wants_reply).then_some(header.unique)
        }
        Err(malformed) => {
            println!("The next question cannot be read: {malformed}");
            malformed.owed_answer()
        }
    };
    if let Some(unique) = owed {
        device.write_message(&encode::error(unique, Errno::EIO)).context("cannot answer")?;
        println!("\nWe answer EIO, «Input/output error», and unmount. Step 04 will know better.");
    }
    Ok(())
}

fn print_agreement(offer: &InitIn, wishes: &Wishes, agreed: &Agreement) {
    let row = |name: &str, kernel: &str, we: &str, both: &str| {
        println!("  {name:<22}{kernel:>16}{we:>12}{both:>12}");
    };
    println!();
    row("", "kernel offers", "we wish", "agreed");
    row(
        "version",
        &format!("{}.{}", offer.major, offer.minor),
        "7.14",
        &format!("7.{}", agreed.minor),
    );
    row(
        "max_readahead (bytes)",
        &offer.max_readahead.to_string(),
        &wishes.max_readahead.to_string(),
        &agreed.max_readahead.to_string(),
    );
    row("max_write (bytes)", "", &wishes.max_write.to_string(), &agreed.max_write.to_string());
    let mark = |set: InitFlags, flag| if set.contains(flag) { "yes" } else { "-" };
    for (name, flag) in InitFlags::all().iter_names() {
        row(name, mark(offer.flags, flag), mark(wishes.flags, flag), mark(agreed.flags, flag));
    }
    let newer = offer.flags.bits() & !InitFlags::all().bits();
    row("flags above bit 6", &format!("{newer:#010x}"), "-", "-");
}
