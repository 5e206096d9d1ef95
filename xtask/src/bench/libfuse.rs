//! libfuse's example of a mirror, passthrough_ll, from the distribution's package.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use xshell::{Shell, cmd};

use crate::bench::target;
use crate::package::{provide, provide_file};

const EXAMPLES: &str = "/usr/share/doc/libfuse3-dev/examples";

/// Left to itself passthrough_ll does not splice its answers: for each READ it maps memory anew, calls
/// pread(2) and unmaps it again. This line makes libfuse splice them.
const SWITCH: &str = "\tconn->want |= conn->capable & FUSE_CAP_SPLICE_WRITE;\n";

/// Which passthrough_ll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    AsItIs,
    /// With [`SWITCH`].
    Spliced,
}

/// Where it is, once built.
pub fn program(variant: Variant) -> PathBuf {
    target().join("bench").join(match variant {
        Variant::AsItIs => "passthrough_ll",
        Variant::Spliced => "passthrough_ll-spliced",
    })
}

/// Builds both; installs what that takes. Returns the version of libfuse.
pub fn build(sh: &Shell) -> anyhow::Result<String> {
    let example = Path::new(EXAMPLES).join("passthrough_ll.c");
    provide(sh, "gcc", "gcc")?;
    provide(sh, "pkg-config", "pkg-config")?;
    provide_file(sh, &example, "libfuse3-dev")?;
    let source = fs::read_to_string(&example)
        .with_context(|| format!("cannot read {}", example.display()))?;
    let spliced = switched_on(&source)
        .with_context(|| format!("{} is not as we know it", example.display()))?;
    compile(sh, &source, Variant::AsItIs)?;
    compile(sh, &spliced, Variant::Spliced)?;
    Ok(cmd!(sh, "pkg-config --modversion fuse3").quiet().read()?)
}

/// The source with [`SWITCH`] at the start of `lo_init`.
fn switched_on(source: &str) -> anyhow::Result<String> {
    let (before, rest) =
        source.split_once("static void lo_init(").context("it has no function lo_init")?;
    let (parameters, body) = rest.split_once("\n{\n").context("its lo_init has no body")?;
    Ok(format!("{before}static void lo_init({parameters}\n{{\n{SWITCH}{body}"))
}

fn compile(sh: &Shell, source: &str, variant: Variant) -> anyhow::Result<()> {
    let program = program(variant);
    let file = program.with_extension("c");
    sh.write_file(&file, source)?;
    let flags = cmd!(sh, "pkg-config --cflags --libs fuse3").quiet().read()?;
    let flags = flags.split_whitespace();
    cmd!(sh, "gcc -O2 -I{EXAMPLES} {file} {flags...} -o {program}")
        .run()
        .with_context(|| format!("cannot build {}", program.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_is_the_first_line_of_lo_init() {
        let source =
            "int x;\nstatic void lo_init(void *userdata,\n\t\tint *conn)\n{\n\tbody;\n}\n{\n";
        let expected = "int x;\nstatic void lo_init(void *userdata,\n\t\tint *conn)\n{\n\
                        \tconn->want |= conn->capable & FUSE_CAP_SPLICE_WRITE;\n\tbody;\n}\n{\n";
        assert_eq!(switched_on(source).unwrap(), expected);
    }

    #[test]
    fn a_source_without_the_place_is_refused() {
        assert!(switched_on("static int lo_init(void)\n{\n}\n").is_err());
        assert!(switched_on("static void lo_init(void);\n").is_err());
    }
}
