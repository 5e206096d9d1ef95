//! `{{#ladder}}`: the versions of the protocol as rungs, and on which of them each kernel and a server of
//! 7.14 meet. Offers and answers come from the recorded handshakes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use step03_handshake::OLDEST_MINOR;

use crate::book::fault::Problem;
use crate::book::html::escaped;
use crate::book::output;

/// What the protocol gained, from the workspace's root.
const RUNGS: &str = "book/ladder.toml";
/// Where the handshakes are recorded, each for a kernel.
const SNAPSHOTS: &str = "tests/snapshots";
const HANDSHAKE: &str = "step04__init@";

/// The figure, as HTML.
pub fn ladder(root: &Path) -> Result<String, Problem> {
    let rungs = rungs(root)?;
    let handshakes = handshakes(root)?;
    for Handshake { kernel, offered, answered } in &handshakes {
        for minor in [offered, answered] {
            if !rungs.contains_key(minor) {
                let what = format!("Linux {kernel} meets 7.{minor}, which is no rung");
                return Err(Problem::new(what, format!("Add it to {RUNGS}")));
            }
        }
    }
    Ok(table(&rungs, &handshakes))
}

/// A version of the protocol.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rung {
    minor: u32,
    gained: String,
    /// What the kernel's header says of it.
    #[cfg_attr(not(test), expect(dead_code, reason = "the test compares them with the header"))]
    words: Vec<String>,
}

fn rungs(root: &Path) -> Result<BTreeMap<u32, Rung>, Problem> {
    #[derive(Deserialize)]
    struct Ladder {
        rungs: Vec<Rung>,
    }
    let text = fs::read_to_string(root.join(RUNGS)).map_err(|error| error.to_string());
    let ladder = text.and_then(|text| toml::from_str(&text).map_err(|error| error.to_string()));
    let Ladder { rungs } = ladder
        .map_err(|error| Problem::new(format!("cannot read {RUNGS}: {error}"), "Mend it."))?;
    Ok(rungs.into_iter().map(|rung| (rung.minor, rung)).collect())
}

/// The minor versions that met in a recorded INIT.
#[derive(Debug, PartialEq, Eq)]
struct Handshake {
    kernel: String,
    offered: u32,
    answered: u32,
}

impl Handshake {
    fn agreed(&self) -> u32 {
        self.offered.min(self.answered)
    }
}

fn handshakes(root: &Path) -> Result<Vec<Handshake>, Problem> {
    let record = "Record them: cargo xtask vm-test --kernel all --accept 04";
    let entries = fs::read_dir(root.join(SNAPSHOTS)).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let kernels = names.filter_map(|name| {
        let kernel = name.strip_prefix("kernel__")?.strip_prefix(HANDSHAKE)?;
        Some(kernel.strip_suffix(".snap")?.to_owned())
    });
    let mut handshakes = Vec::new();
    for kernel in kernels {
        let recorded = output::output(root, &format!("{HANDSHAKE}{kernel}"))?;
        let version = |arrow: char| {
            let line = recorded.lines.iter().find(|line| line.starts_with(arrow))?;
            let minor = line.split_once("version 7.")?.1;
            minor.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        };
        let (Some(offered), Some(answered)) = (version('→'), version('←')) else {
            let what = format!("no versions in the INIT of Linux {kernel}");
            return Err(Problem::new(what, record));
        };
        handshakes.push(Handshake { kernel, offered, answered });
    }
    if handshakes.is_empty() {
        let what = format!("no handshake is recorded as {SNAPSHOTS}/kernel__{HANDSHAKE}*.snap");
        return Err(Problem::new(what, record));
    }
    handshakes.sort_by_key(|handshake| handshake.offered);
    Ok(handshakes)
}

fn table(rungs: &BTreeMap<u32, Rung>, handshakes: &[Handshake]) -> String {
    let mut html = format!(
        "<div class=\"from\">drawn from what was recorded: {SNAPSHOTS}/kernel__{HANDSHAKE}*.snap</div>\n\
         <div class=\"table-wrapper\"><table class=\"ladder\">\n\
         <caption>The versions of the protocol, newest first. Both sides go down to the lower of the two \
         that they know; what is above it is not spoken.</caption>\n\
         <thead><tr><th>version</th><th>what it brought</th><th>who</th></tr></thead>\n<tbody>\n"
    );
    let spoken = handshakes.iter().map(Handshake::agreed).max().unwrap_or(0);
    let mut above = None;
    for (minor, rung) in rungs.iter().rev() {
        let left_out = above.map_or(0, |above: u32| above - minor - 1);
        if left_out > 0 {
            let _ = writeln!(
                html,
                "<tr class=\"gap\"><th></th><td colspan=\"2\">{left_out} more</td></tr>"
            );
        }
        above = Some(*minor);
        let mut who: Vec<_> = handshakes
            .iter()
            .filter(|handshake| handshake.offered == *minor)
            .map(|handshake| {
                format!("<span class=\"offer\">Linux {} offers</span>", handshake.kernel)
            })
            .collect();
        if handshakes.iter().any(|handshake| handshake.answered == *minor) {
            who.push("<span class=\"answer\">our server answers</span>".into());
        }
        let agreed: Vec<_> = handshakes
            .iter()
            .filter(|handshake| handshake.agreed() == *minor)
            .map(|handshake| handshake.kernel.as_str())
            .collect();
        if !agreed.is_empty() {
            who.push(format!("<b>agreed with Linux {}</b>", agreed.join(", ")));
        }
        if *minor == OLDEST_MINOR {
            who.push("our server takes no older one".into());
        }
        let class = match (*minor > spoken, agreed.is_empty()) {
            (true, _) => " class=\"later\"",
            (false, false) => " class=\"agreed\"",
            (false, true) => "",
        };
        let _ = writeln!(
            html,
            "<tr{class}><th scope=\"row\">7.{minor}</th><td>{}</td><td>{}</td></tr>",
            escaped(&rung.gained),
            who.join(" "),
        );
    }
    html + "</tbody></table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(init: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(SNAPSHOTS)).unwrap();
        let snapshot = dir.path().join(SNAPSHOTS).join("kernel__step04__init@6.12.snap");
        fs::write(snapshot, format!("---\nsource: x\n---\n{init}\n")).unwrap();
        fs::create_dir_all(dir.path().join("book")).unwrap();
        let rung = |minor: u32| {
            format!("[[rungs]]\nminor = {minor}\ngained = \"a < {minor}\"\nwords = []\n")
        };
        fs::write(dir.path().join(RUNGS), [41, 14, 13].map(rung).concat()).unwrap();
        dir
    }

    #[test]
    fn both_go_down_to_the_lower_rung() {
        let dir = fixture("→ #1 INIT(version 7.41, x)\n← #1 INIT = {version 7.14, y}");
        let html = ladder(dir.path()).unwrap();
        let row = |version: &str| {
            let row = html.lines().find(|line| line.contains(&format!(">{version}</th>")));
            row.unwrap_or_else(|| panic!("{version}: {html}")).to_owned()
        };
        assert!(
            row("7.41").starts_with("<tr class=\"later\">")
                && row("7.41").contains("Linux 6.12 offers")
        );
        assert!(
            row("7.14").starts_with("<tr class=\"agreed\">")
                && row("7.14").contains("agreed with Linux 6.12")
        );
        assert!(
            row("7.13").starts_with("<tr><th scope=\"row\">7.13</th><td>a &lt; 13</td><td></td>")
        );
        assert!(html.contains("26 more") && !html.contains("\n\n"));
    }

    #[test]
    fn an_offer_without_a_rung_is_a_fault() {
        let fault =
            |init: &str| ladder(fixture(init).path()).unwrap_err().at("x.md", 1).to_string();
        let higher = fault("→ #1 INIT(version 7.46, x)\n← #1 INIT = {version 7.14, y}");
        assert!(higher.contains("meets 7.46") && higher.contains(RUNGS), "{higher}");
        let none = fault("→ #1 INIT(version 7.41, x)");
        assert!(none.contains("no versions in the INIT of Linux 6.12"), "{none}");
    }

    /// What `<linux/fuse.h>` says of each minor version, by its own changelog.
    fn changelog() -> BTreeMap<u32, String> {
        let header = fs::read_to_string("/usr/include/linux/fuse.h").unwrap();
        let (mut changelog, mut minor) = (BTreeMap::new(), None);
        for line in header.lines() {
            let line = line.trim_start_matches([' ', '*']);
            let version = line.strip_prefix("7.").map(|rest| rest.trim_end_matches(':').parse());
            if let Some(Ok(number)) = version {
                minor = Some(number);
            } else if let Some(minor) = minor.filter(|_| !line.is_empty()) {
                *changelog.entry(minor).or_insert_with(String::new) += &format!("{line} ");
            }
            if line.contains("#ifndef _LINUX_FUSE_H") {
                break;
            }
        }
        changelog
    }

    #[test]
    fn the_rungs_are_what_the_kernels_header_tells() {
        let changelog = changelog();
        let known = changelog.keys().max().copied().unwrap_or(0);
        assert!(known >= 14, "the changelog in <linux/fuse.h> goes up to 7.{known}");
        let rungs = rungs(&crate::steps::workspace_root()).unwrap();
        for (minor, rung) in rungs.range(..=known) {
            for word in &rung.words {
                let told = &changelog[minor];
                assert!(told.contains(word.as_str()), "7.{minor}: no {word:?} in {told:?}");
            }
        }
    }
}
