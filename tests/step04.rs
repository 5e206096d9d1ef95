//! Step 04: hello, as its clients see it, and as it leaves. Here, what is said meanwhile.

mod any_server;

use step01_device::{BUFFER_SIZE, Device, Mount};
use step02_wire::{Trace, TraceStyle};
use step03_handshake::{TracedDevice, Wishes, handshake};

use crate::in_bytes::InBytes;
use crate::recorded::{assert_recorded, books_dir, stat_in_a_thread, trace_of_a_visit, waits};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_visit() {
    let trace = trace_of_a_visit("step04-hello");
    let (init, visit): (Vec<_>, Vec<_>) = trace.lines().partition(|line| line.contains(" INIT"));
    // Each kernel offers what it has. What we agree on is the same for all.
    assert!(init[0].starts_with("→ #1 INIT(version 7."), "{trace}");
    insta::assert_snapshot!("agreement", init[1]);
    assert_recorded("step04__init", &init.join("\n"));
    insta::assert_snapshot!("visit", visit.join("\n"));
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn the_conversation_of_a_visit_in_bytes() {
    let hello = InBytes::start("step04-hello", &[]);
    hello.visit_from_outside(&["ls", "mnt"], "RELEASEDIR = ok");
    hello.visit_from_outside(&["cat", "mnt/hello.txt"], "RELEASE = ok");
    hello.visit_from_outside(&["cat", "mnt/nothing"], "-ENOENT");
    hello.end("step04__visit");
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_getattr_without_an_answer_hangs_its_client() {
    let dir = books_dir();
    let device = Device::open().unwrap();
    let mount = Mount::new(&device, &dir, "mute", &[]).unwrap();
    let (client, thread) = stat_in_a_thread(dir);

    let device = TracedDevice::new(device, Some(TraceStyle::Stable));
    let mut buffer = vec![0; BUFFER_SIZE];
    handshake(&device, &mut buffer, &Wishes::default()).unwrap();
    // Read, and not answered.
    let request = device.read_message(&mut buffer).unwrap();
    let asked = Trace::new(TraceStyle::Stable).request(request);
    let waits = waits(thread);
    drop(mount);
    let errno = client.join().unwrap().unwrap_err();
    assert_recorded(
        "step04__hang",
        &format!("{asked}\nstat(\"/tmp/m\") waits in {waits}\nafter umount: {errno}"),
    );
}
