//! A program of somebody else's, made ready for the guest: itself, and what starts it there.
//!
//! An executable needs its libraries (ldd(1)); a script needs its interpreter, and a Python script also
//! Python's standard library. Nothing else is carried: no packages, no file that the program opens.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use xshell::{Shell, cmd};

use crate::package;
use crate::vm::dynamic::{libraries_of, libraries_of_all};

/// Where the guest has it. A name of its own may be one of the kit's programs too.
const DIR: &str = "/server";
/// Directories where the guest has something else than this machine.
const GUESTS_OWN: [&str; 4] = ["/tmp", "/proc", "/sys", "/dev"];

/// A program, and all that the guest needs to start it.
#[derive(Debug)]
pub struct Carried {
    /// Its path in the guest.
    pub path: String,
    /// What is in it there.
    pub content: Vec<u8>,
    /// What it needs, to be at the same paths in the guest.
    pub files: Vec<PathBuf>,
    /// Where the dynamic linker finds its libraries, directories with `:` between them. A program may
    /// have looked for them beside itself.
    pub library_path: String,
}

/// Packs a program.
///
/// # Errors
///
/// It cannot run, here or in the guest; or what it needs is not here.
pub fn carry(sh: &Shell, program: &Path) -> anyhow::Result<Carried> {
    let (content, kind) = checked(program)?;
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let path = format!("{DIR}/{name}");
    let carried = match kind {
        Kind::Executable => {
            let files = libraries_of(sh, program)?;
            let mut directories: Vec<_> =
                files.iter().filter_map(|f| f.parent()?.to_str()).collect();
            directories.sort();
            directories.dedup();
            let library_path = directories.join(":");
            Carried { path, content, library_path, files }
        }
        Kind::Script(first_line) => {
            let interpreter = first_line.find(sh, program)?;
            let (interpreter, files) = interpreted(sh, &interpreter)
                .with_context(|| format!("cannot pack {}", program.display()))?;
            let content = first_line.replaced(&interpreter, &content);
            Carried { path, content, library_path: String::new(), files }
        }
    };
    for file in &carried.files {
        if let Some(dir) = GUESTS_OWN.iter().find(|dir| file.starts_with(dir)) {
            bail!(
                "{} needs {}, and the guest has a {dir} of its own. Have it somewhere else",
                program.display(),
                file.display()
            );
        }
    }
    Ok(carried)
}

/// How the kernel starts a program.
#[derive(Debug, PartialEq, Eq)]
pub enum Kind {
    /// By itself.
    Executable,
    /// By the program that its first line names.
    Script(FirstLine),
}

/// `#!/usr/bin/python3 -u`
#[derive(Debug, PartialEq, Eq)]
pub struct FirstLine {
    /// A path, or a name to be looked for in the PATH.
    interpreter: String,
    /// What stands behind it. The kernel gives all of it as one argument (execve(2)).
    argument: Option<String>,
    /// Does it end as lines do on Windows?
    carriage_return: bool,
}

/// Reads a program, and finds what is wrong with it that the guest would only say in its own words.
///
/// # Errors
///
/// Each says what to type.
pub fn checked(program: &Path) -> anyhow::Result<(Vec<u8>, Kind)> {
    let shown = program.display();
    let meta = fs::metadata(program)
        .with_context(|| format!("cannot find the server {shown}. Build it, or give its path"))?;
    ensure!(!meta.is_dir(), "{shown} is a directory. Give the program in it: {shown}/NAME");
    let content = fs::read(program).with_context(|| format!("cannot read {shown}"))?;
    let kind = kind(&content).with_context(|| format!("cannot run {shown}"))?;
    if let Kind::Script(FirstLine { carriage_return: true, .. }) = kind {
        bail!(
            "cannot run {shown}: its lines end with CR LF, as on Windows, and Linux takes the CR for a \
             part of the interpreter's name. Type: sed -i 's/\\r$//' {shown}"
        );
    }
    ensure!(
        meta.permissions().mode() & 0o111 != 0,
        "{shown} is not executable. Type: chmod +x {shown}"
    );
    Ok((content, kind))
}

fn kind(content: &[u8]) -> anyhow::Result<Kind> {
    match content {
        // e_ident: the magic, 64 bits, little-endian. e_machine stands at 18 (elf(5)).
        [0x7f, b'E', b'L', b'F', class, order, ..] => {
            let machine = content.get(18..20).map_or(0, |m| u16::from_le_bytes([m[0], m[1]]));
            match (class, order, machine) {
                (2, 1, 62) => Ok(Kind::Executable),
                _ => bail!(
                    "it is built for {}, and the guest is x86_64. Build it for x86_64",
                    architecture(machine)
                ),
            }
        }
        [b'#', b'!', rest @ ..] => {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let line = str::from_utf8(&rest[..end]).context("its first line is not UTF-8")?;
            Ok(Kind::Script(first_line(line)?))
        }
        _ => bail!(
            "it is neither an executable (ELF) nor a script. Compile it and give what comes out, or \
             begin it with the line that names its interpreter: #!/usr/bin/env python3"
        ),
    }
}

fn architecture(machine: u16) -> String {
    match machine {
        3 => "i386".into(),
        40 => "arm".into(),
        183 => "aarch64".into(),
        243 => "riscv".into(),
        other => format!("another architecture (ELF machine {other})"),
    }
}

/// What stands behind `#!`. With env(1) it is the program that env would start.
fn first_line(line: &str) -> anyhow::Result<FirstLine> {
    let mut words = line.split_whitespace().peekable();
    let named = words.next().context("its first line names no interpreter after #!")?;
    let interpreter = if named.ends_with("/env") {
        words.next_if_eq(&"-S");
        words.next().context("its first line names no interpreter after env")?
    } else {
        named
    };
    ensure!(
        !interpreter.contains('=') && !interpreter.starts_with('-'),
        "its first line gives env {interpreter}, which the guest has no env for. Leave it out"
    );
    let arguments: Vec<_> = words.collect();
    ensure!(
        arguments.len() <= 1,
        "its first line gives {interpreter} more than one argument. Leave one"
    );
    let argument = arguments.first().map(|&argument| argument.to_owned());
    let carriage_return = line.ends_with('\r');
    Ok(FirstLine { interpreter: interpreter.to_owned(), argument, carriage_return })
}

impl FirstLine {
    /// Where the interpreter is. A missing Python is installed, or the command for it is named.
    fn find(&self, sh: &Shell, program: &Path) -> anyhow::Result<PathBuf> {
        let name = &self.interpreter;
        let there = match name.contains('/') {
            true => Some(PathBuf::from(name)).filter(|path| path.is_file()),
            false if name == "python3" => Some(package::provide(sh, name, name)?),
            false => package::find(name),
        };
        there.with_context(|| {
            format!(
                "the first line of {} names {name}, which is not here. Install it, or name another",
                program.display()
            )
        })
    }

    /// The script, with this interpreter in its first line. All other lines keep their numbers.
    fn replaced(&self, interpreter: &Path, content: &[u8]) -> Vec<u8> {
        let end = content.iter().position(|byte| *byte == b'\n').unwrap_or(content.len());
        let argument = self.argument.as_ref().map(|argument| format!(" {argument}"));
        let line = format!("#!{}{}", interpreter.display(), argument.unwrap_or_default());
        [line.as_bytes(), &content[end..]].concat()
    }
}

/// The interpreter that really runs, and the files that it needs, itself among them.
fn interpreted(sh: &Shell, interpreter: &Path) -> anyhow::Result<(PathBuf, Vec<PathBuf>)> {
    let name = interpreter.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if name.starts_with("python") {
        return python(sh, interpreter);
    }
    ensure!(
        matches!(checked(interpreter)?.1, Kind::Executable),
        "its interpreter {} is a script itself. Name in its first line what that one starts",
        interpreter.display()
    );
    let mut files = libraries_of(sh, interpreter)?;
    files.push(interpreter.to_owned());
    Ok((interpreter.to_owned(), files))
}

/// Prints where Python itself is, and then the directories of its standard library.
const ASK: &str = "\
import os, sys, sysconfig
print(os.path.realpath(sys.executable))
for name in ('stdlib', 'platstdlib'):
    print(sysconfig.get_path(name))";

/// Parts of the standard library that no server needs, and what does not belong to it.
const LEFT_OUT: [&str; 11] = [
    "__pycache__",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
];

/// It knows itself where it is: what the PATH leads to may only be a script that chooses one of several.
fn python(sh: &Shell, interpreter: &Path) -> anyhow::Result<(PathBuf, Vec<PathBuf>)> {
    let told = cmd!(sh, "{interpreter} -I -c {ASK}").quiet().read();
    let told =
        told.with_context(|| format!("{} does not say where it is", interpreter.display()))?;
    let mut lines = told.lines().map(PathBuf::from);
    let python = lines.next().context("Python does not say where it is")?;
    let mut directories: Vec<_> = lines.collect();
    directories.dedup();
    let mut library = Vec::new();
    for dir in &directories {
        modules(dir, &mut library)
            .with_context(|| format!("cannot list Python's library {}", dir.display()))?;
    }
    let native: Vec<_> = library.iter().filter(|path| has_extension(path, "so")).collect();
    let mut files = libraries_of(sh, &python)?;
    files.extend(libraries_of_all(sh, &native)?);
    files.push(python.clone());
    files.extend(library);
    Ok((python, files))
}

/// The modules below a directory: those in Python, and those that are shared libraries.
fn modules(dir: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() {
            if !LEFT_OUT.contains(&name) {
                modules(&path, found)?;
            }
        } else if path.is_file() && (has_extension(&path, "py") || has_extension(&path, "so")) {
            // Tk's module would bring half of X11 along.
            if !name.starts_with("_tkinter") {
                found.push(path);
            }
        }
    }
    Ok(())
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|e| e == extension)
}

#[cfg(test)]
mod tests;
