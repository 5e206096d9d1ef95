//! What is not wrong, and still not what one expects: old content, small WRITEs.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;
use std::sync::Mutex;

use kernel_tests::Server;
use step02_wire::Operation;
use step02_wire::abi::InitFlags;
use step03_handshake::Wishes;
use step05_server::{Files, Handler, Owed, Request, Session};
use step06_memfs::Memfs;

use super::{Terminal, assert_same};
use crate::in_process::while_served;
use crate::recorded::{assert_recorded, books_dir};
use crate::step09::change;
use crate::visitor::{fresh_dir, program};

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn a_change_that_nobody_tells_of_is_not_seen() {
    let dir = books_dir();
    let mut news = program("step09-notify");
    news.args(["--every", "0", "--silent"]).arg(&dir).stdout(Stdio::null());
    let server = Server::start(news, &dir).unwrap();
    let mut terminal = Terminal::default();
    terminal.types("cat /tmp/m/news");
    change(&File::open("/tmp/m/news").unwrap());
    terminal.notes("there is news, and the server does not say so");
    terminal.types("cat /tmp/m/news");
    assert!(server.interrupt().unwrap().success());
    assert_same("old_content", &terminal.0);
}

/// Memfs, and the sizes of the WRITEs that it was sent.
struct Counted {
    memfs: Files<Memfs>,
    sizes: Mutex<Vec<u32>>,
}

impl Handler for Counted {
    fn handle(&self, request: Request<'_>, owed: Owed) {
        if let Operation::Write { arg } = &request.operation {
            self.sizes.lock().unwrap().push(arg.size);
        }
        self.memfs.handle(request, owed);
    }
}

/// The WRITEs that the kernel makes of one write(2) of 128 KiB.
fn writes(name: &str, flags: InitFlags) -> Vec<u32> {
    let dir = fresh_dir(name);
    let session = Session::mount(&dir, "test", &[], None).unwrap();
    let counted = Counted { memfs: Files(Memfs::new(1 << 20)), sizes: Mutex::default() };
    let wishes = Wishes { flags, ..Wishes::default() };
    while_served(
        &dir,
        || session.serve(&wishes, &counted),
        |dir| {
            let mut file = File::create(dir.join("file")).unwrap();
            assert_eq!(file.write(&vec![7; 131_072]).unwrap(), 131_072);
        },
    );
    counted.sizes.into_inner().unwrap()
}

#[test]
#[ignore = "needs a kernel: cargo xtask vm-test"]
fn without_big_writes_each_is_a_page() {
    let told = |sizes: Vec<u32>| {
        assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
        format!(
            "{} WRITE{} of {} bytes",
            sizes.len(),
            if sizes.len() == 1 { "" } else { "s" },
            sizes[0]
        )
    };
    let flags = Wishes::default().flags;
    let big = told(writes("big", flags));
    let small = told(writes("small", flags - InitFlags::BIG_WRITES));
    let told = format!(
        "write(fd, buffer, 131072)\nwith BIG_WRITES:    {big}\nwithout BIG_WRITES: {small}\n"
    );
    assert_recorded("symptoms__small_writes", &told);
}
