use super::*;

fn of_line(line: &str) -> (String, Option<String>) {
    match kind(format!("{line}\nbody\n").as_bytes()).unwrap() {
        Kind::Script(FirstLine { interpreter, argument, .. }) => (interpreter, argument),
        Kind::Executable => panic!("{line}"),
    }
}

fn refused(content: &[u8]) -> String {
    format!("{:#}", kind(content).unwrap_err())
}

/// A file of this content and mode, in a directory of its own.
fn file(name: &str, content: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (dir, path)
}

#[test]
fn the_first_line_names_the_interpreter() {
    assert_eq!(of_line("#!/bin/sh"), ("/bin/sh".into(), None));
    assert_eq!(of_line("#! /bin/sh -e"), ("/bin/sh".into(), Some("-e".into())));
    assert_eq!(of_line("#!/usr/bin/env python3"), ("python3".into(), None));
    assert_eq!(of_line("#!/usr/bin/env -S python3 -u"), ("python3".into(), Some("-u".into())));
    assert_eq!(kind(b"#!/bin/sh").unwrap(), kind(b"#!/bin/sh\n").unwrap(), "no second line");
}

#[test]
fn a_first_line_that_cannot_be_followed_is_told() {
    assert!(refused(b"#!\n").contains("names no interpreter after #!"));
    assert!(refused(b"#!/usr/bin/env\n").contains("after env"));
    assert!(refused(b"#!/usr/bin/env A=1 python3\n").contains("Leave it out"));
    assert!(refused(b"#!/usr/bin/env -S python3 -u -B\n").contains("more than one argument"));
}

#[test]
fn what_is_no_program_for_the_guest_is_told() {
    assert!(refused(b"int main(void)").contains("neither an executable (ELF) nor a script"));
    assert!(refused(b"").contains("neither"));
    let mut elf = [0; 64];
    elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
    elf[18] = 62;
    assert_eq!(kind(&elf).unwrap(), Kind::Executable);
    elf[18] = 183;
    assert!(refused(&elf).contains("built for aarch64, and the guest is x86_64"));
    elf[4] = 1;
    elf[18] = 3;
    assert!(refused(&elf).contains("built for i386"));
}

#[test]
fn a_path_that_leads_to_no_program_is_told() {
    let refused = |path: &Path| format!("{:#}", checked(path).unwrap_err());
    let (dir, path) = file("server", b"#!/bin/sh\n", 0o644);
    assert!(refused(&dir.path().join("gone")).contains("cannot find the server "));
    assert!(refused(dir.path()).contains("is a directory. Give the program in it"));
    assert!(refused(&path).ends_with(&format!("Type: chmod +x {}", path.display())));
    let (_dir, path) = file("server", b"#!/usr/bin/env python3\r\nbody\r\n", 0o755);
    assert!(refused(&path).ends_with(&format!("Type: sed -i 's/\\r$//' {}", path.display())));
}

#[test]
fn a_script_comes_with_its_interpreter_in_its_first_line() {
    let sh = Shell::new().unwrap();
    let (_dir, path) = file("server", b"#!/usr/bin/env sh\nexit 3\n", 0o755);
    let carried = carry(&sh, &path).unwrap();
    let shell = package::find("sh").unwrap();
    assert_eq!(carried.path, "/server/server");
    let expected = format!("#!{}\nexit 3\n", shell.display());
    assert_eq!(String::from_utf8(carried.content).unwrap(), expected);
    assert!(carried.files.contains(&shell), "{:?}", carried.files);
    assert!(carried.files.iter().any(|file| file.to_string_lossy().contains("/ld-linux")));
}

#[test]
fn an_interpreter_that_is_not_here_is_told() {
    let sh = Shell::new().unwrap();
    for name in ["/no/such/lisp", "no-such-lisp"] {
        let (_dir, path) = file("server", format!("#!{name}\n").as_bytes(), 0o755);
        let error = format!("{:#}", carry(&sh, &path).unwrap_err());
        assert!(error.contains(&format!("names {name}, which is not here")), "{error}");
    }
    // A script that starts another: the kernel takes it, but what does that one need?
    let (_inner, inner) = file("chooser", b"#!/bin/sh\n", 0o755);
    let (_dir, path) = file("server", format!("#!{}\n", inner.display()).as_bytes(), 0o755);
    let error = format!("{:#}", carry(&sh, &path).unwrap_err());
    assert!(error.contains("is a script itself"), "{error}");
}

#[test]
fn python_comes_with_its_library_and_without_its_tests() {
    let sh = Shell::new().unwrap();
    let hello = crate::steps::workspace_root().join("tests/other-languages/hello.py");
    let carried = carry(&sh, &hello).unwrap();
    let names: Vec<_> = carried.files.iter().map(|file| file.to_string_lossy()).collect();
    // What Python looks for to find its library at all, and what hello.py imports.
    for needed in ["/os.py", "/encodings/utf_8.py", "/ctypes/__init__.py", "/struct.py"] {
        assert!(names.iter().any(|name| name.ends_with(needed)), "no {needed}");
    }
    for too_much in ["/test/", "/site-packages/", "/__pycache__/", "/tkinter/"] {
        assert!(!names.iter().any(|name| name.contains(too_much)), "{too_much}");
    }
    assert!(carried.files.iter().all(|file| file.is_file()));
    let first = String::from_utf8(carried.content).unwrap();
    let interpreter = first.lines().next().unwrap().strip_prefix("#!").unwrap();
    assert!(names.iter().any(|name| name == interpreter), "{interpreter}");
    assert!(matches!(checked(Path::new(interpreter)).unwrap().1, Kind::Executable));
}
