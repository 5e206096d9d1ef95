//! Archives as tar(1) writes them, and as nobody does.

use std::io::Write;
use std::process::Command;

use super::*;

fn indexed(archive: &[u8]) -> Result<Index> {
    let mut file = tempfile::tempfile()?;
    file.write_all(archive)?;
    Index::of(&file)
}

fn refused(archive: &[u8]) -> String {
    indexed(archive).err().expect("a bad archive was taken").to_string()
}

/// What tar(1) makes of a small tree with a long name in it.
fn archive(format: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("d").join("l".repeat(120));
    std::fs::create_dir_all(&long).unwrap();
    std::fs::write(long.join("x".repeat(120)), "deep").unwrap();
    std::fs::write(dir.path().join("file"), "content").unwrap();
    std::fs::hard_link(dir.path().join("file"), dir.path().join("same")).unwrap();
    std::os::unix::fs::symlink("s".repeat(150), dir.path().join("link")).unwrap();
    let made = Command::new("tar")
        .args(["--create", "--sort=name", &format!("--format={format}"), "-C"])
        .arg(dir.path())
        .arg(".")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    made.stdout
}

#[test]
fn what_tar_writes_is_found_again() {
    for format in ["gnu", "pax"] {
        let archive = archive(format);
        let mut index = indexed(&archive).unwrap();
        let read = |index: &mut Index, path: &str| {
            let place = index.find(path.as_bytes()).unwrap();
            let Kind::File { start, size } = index.nodes[place].kind else { panic!("{path}") };
            archive[start as usize..][..size as usize].to_vec()
        };
        assert_eq!(read(&mut index, "file"), b"content", "{format}");
        assert_eq!(index.find(b"same").unwrap(), index.find(b"./file").unwrap());
        let deep = format!("d/{}/{}", "l".repeat(120), "x".repeat(120));
        assert_eq!(read(&mut index, &deep), b"deep", "{format}");
        let link = index.find(b"link").unwrap();
        assert!(matches!(&index.nodes[link].kind, Kind::Link(to) if to.len() == 150), "{format}");
    }
}

#[test]
fn what_is_no_archive_is_refused() {
    assert_eq!(refused(b""), "this is no tar archive: it has less than one block");
    assert!(refused(&[7; 2048]).contains("its sum is wrong. Is it compressed?"));
}

#[test]
fn a_cut_archive_is_refused_wherever_it_was_cut() {
    let archive = archive("pax");
    let end = archive.chunks(512).position(|block| block.iter().all(|byte| *byte == 0)).unwrap();
    for length in (0..end * 512).step_by(64) {
        assert!(indexed(&archive[..length]).is_err(), "{length}");
    }
}

#[test]
fn spoilt_archives_are_errors_and_no_panics() {
    let archive = archive("gnu");
    for at in 0..3 * 512 {
        for byte in [0, b'/', 0xff] {
            let mut spoilt = archive.clone();
            spoilt[at] = byte;
            let _ = indexed(&spoilt);
            // With the right sum it gets further.
            let block = at / 512 * 512;
            spoilt[block + 148..block + 156].fill(b' ');
            let sum: u32 = spoilt[block..block + 512].iter().map(|byte| u32::from(*byte)).sum();
            spoilt[block + 148..block + 155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            let _ = indexed(&spoilt);
        }
    }
}

#[test]
fn a_second_name_for_a_directory_is_refused() {
    let mut archive = archive("gnu");
    // The entry `./same`, a link to `./file`, becomes one to `./d`.
    let at = archive.windows(7).position(|bytes| bytes == b"./same\0").unwrap();
    archive[at + 157..at + 164].copy_from_slice(b"./d\0\0\0\0");
    let removed: u32 = b"file".iter().map(|byte| u32::from(*byte)).sum();
    let sum = number(&archive[at + 148..at + 156]).unwrap() as u32 - removed + u32::from(b'd');
    archive[at + 148..at + 155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    assert!(refused(&archive).contains("a second name for a directory"));
}

#[test]
fn numbers_are_octal_or_binary() {
    assert_eq!(number(b"0000644\0").unwrap(), 0o644);
    assert_eq!(number(b"   17 \0\0").unwrap(), 0o17);
    assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 0]).unwrap(), 256);
    assert_eq!(number(&[0x80, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1]).unwrap(), (2 << 56) + 1);
    for wrong in [&b"0000648\0"[..], &[0xff; 12], &[0xff; 8]] {
        assert!(number(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn no_path_leads_out() {
    assert!(parts(b"a/../../b").is_err());
    assert_eq!(parts(b"/./a//b/").unwrap(), [b"a", b"b"]);
}
