//! The system's `<linux/fuse.h>`: which file it is, what it names, and what the compiler makes of
//! it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::{fs, io};

/// What the text of the header names. Values and sizes are the compiler's to say.
pub struct Header {
    pub path: PathBuf,
    /// Each struct with its fields.
    pub structs: BTreeMap<String, Vec<String>>,
    /// Constants: `#define NAME value`, without the macros that take arguments.
    pub defines: Vec<String>,
    /// The names in `enum fuse_opcode`.
    pub opcodes: Vec<String>,
    /// The names in `enum fuse_notify_code`.
    pub notify_codes: Vec<String>,
}

impl Header {
    pub fn read() -> Header {
        let path = path();
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = without_comments(&text);
        Header {
            path,
            structs: structs(&text),
            defines: defines(&text),
            opcodes: enumerators(&text, "fuse_opcode"),
            notify_codes: enumerators(&text, "fuse_notify_code"),
        }
    }
}

/// Asks the compiler where it finds the header: what it would include is what we read.
fn path() -> PathBuf {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let source = dir.path().join("include.c");
    fs::write(&source, "#include <linux/fuse.h>\n").expect("write a C file");
    let output = cc(Command::new("cc").arg("-M").arg(&source));
    assert!(
        output.status.success(),
        "cc does not find <linux/fuse.h>. It is in a package: apt-get install linux-libc-dev\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rule = String::from_utf8_lossy(&output.stdout).into_owned();
    let path = rule.split_whitespace().find(|word| word.ends_with("linux/fuse.h"));
    path.expect("cc -M lists the header").into()
}

/// Compiles a C program, runs it, and returns the pairs `name number` that it prints.
pub fn run_c(source: &str) -> BTreeMap<String, i64> {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let (file, program) = (dir.path().join("layout.c"), dir.path().join("layout"));
    fs::write(&file, source).expect("write a C file");
    let output = cc(Command::new("cc").arg("-o").arg(&program).arg(&file));
    assert!(
        output.status.success(),
        "cc refuses:\n{}\n{source}",
        String::from_utf8_lossy(&output.stderr)
    );
    let output = Command::new(&program).output().expect("run the C program");
    let text = String::from_utf8(output.stdout).expect("the C program prints text");
    let pair = |line: &str| {
        let (name, number) = line.rsplit_once(' ')?;
        Some((name.to_string(), number.parse().ok()?))
    };
    text.lines()
        .map(|line| pair(line).unwrap_or_else(|| panic!("the C program printed {line:?}")))
        .collect()
}

fn cc(command: &mut Command) -> Output {
    match command.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("there is no C compiler. It is in a package: apt-get install gcc")
        }
        result => result.expect("run cc"),
    }
}

fn without_comments(text: &str) -> String {
    let mut pieces = text.split("/*");
    let mut code = pieces.next().unwrap_or_default().to_string();
    for piece in pieces {
        code.push_str(piece.split_once("*/").map_or("", |(_, after)| after));
    }
    code
}

/// `struct NAME { … };` at the start of a line.
fn structs(code: &str) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for piece in code.split("\nstruct ").skip(1) {
        if let Some((name, rest)) = piece.split_once('{') {
            let body = rest.split_once("\n}").expect("a struct ends").0;
            found.insert(name.trim().to_string(), fields(body));
        }
    }
    found
}

/// The last word before each semicolon, without its `[n]`.
fn fields(body: &str) -> Vec<String> {
    let declarations = body.split(';').map(str::trim).filter(|declaration| !declaration.is_empty());
    let name =
        |declaration: &str| declaration.split_whitespace().last().unwrap_or_default().to_string();
    declarations
        .map(|declaration| name(declaration).split('[').next().unwrap_or_default().to_string())
        .collect()
}

fn defines(code: &str) -> Vec<String> {
    let names = code.lines().filter_map(|line| line.strip_prefix("#define "));
    // A macro with arguments has its parenthesis right behind the name; an include guard has no
    // value.
    let name = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [name, _, ..] if !name.contains('(') => Some(name.to_string()),
        _ => None,
    };
    names.filter_map(name).collect()
}

fn enumerators(code: &str, name: &str) -> Vec<String> {
    let start = code
        .find(&format!("enum {name} {{"))
        .unwrap_or_else(|| panic!("the header has no enum {name}"));
    let body = code[start..]
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .expect("an enum ends")
        .0;
    let names = body.split(',').map(|item| item.split('=').next().unwrap_or_default().trim());
    names.filter(|name| !name.is_empty()).map(str::to_string).collect()
}
