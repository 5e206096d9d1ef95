//! `{{#staircase}}`: the steps as the book's map. Above a picture, below what each is about; each a link.
//!
//! Titles and ideas come from the steps' `step.toml`, what stands on what from their `Cargo.toml`, the
//! chapters from `SUMMARY.md`.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::book::about::{self, About};
use crate::book::fault::Problem;
use crate::book::html::escaped;
use crate::book::time::{self, Times};

/// The short way to the heart.
const SHORT: [&str; 7] = ["01", "02", "03", "05", "07", "10", "11"];

/// The map, as HTML.
pub fn staircase(root: &Path) -> Result<String, Problem> {
    let steps = about::directories(root);
    let stairs: Vec<_> =
        steps.iter().map(|step| stair(root, step)).collect::<Result<_, Problem>>()?;
    check(&stairs)?;
    Ok(format!("{}{}", picture(&stairs), list(&stairs)))
}

/// A step, and all that the map says of it.
struct Stair {
    /// `02`
    number: String,
    /// `wire`
    name: String,
    /// `step02-wire`
    package: String,
    about: About,
    /// The numbers of the steps that it stands on.
    on: Vec<String>,
    chapters: Vec<Page>,
}

/// A chapter on a step.
struct Page {
    file: String,
    title: String,
    times: Times,
}

impl Stair {
    fn is_short(&self) -> bool {
        SHORT.contains(&self.number.as_str())
    }

    /// Of all its chapters.
    fn minutes(&self, of: fn(&Times) -> usize) -> usize {
        self.chapters.iter().map(|chapter| of(&chapter.times)).sum()
    }
}

fn stair(root: &Path, step: &str) -> Result<Stair, Problem> {
    let (number, name) = step.split_once('-').ok_or_else(|| {
        Problem::new(format!("steps/{step} has no number"), "Call it steps/NN-name")
    })?;
    let about = about::about(root, step)?;
    let (package, on) = manifest(root, step)?;
    let chapters = chapters(root, number)?;
    Ok(Stair { number: number.into(), name: name.into(), package, about, on, chapters })
}

/// A step's package, and the steps that it depends on.
fn manifest(root: &Path, step: &str) -> Result<(String, Vec<String>), Problem> {
    let file = format!("steps/{step}/Cargo.toml");
    let wrong = |error: String| {
        Problem::new(format!("cannot read {file}: {error}"), "A step is a package: mend it.")
    };
    let text = fs::read_to_string(root.join(&file)).map_err(|error| wrong(error.to_string()))?;
    let manifest: toml::Table =
        toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
    let package = manifest.get("package").and_then(|package| package.get("name")?.as_str());
    let package = package.ok_or_else(|| wrong("no package.name".into()))?;
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let names = dependencies.into_iter().flat_map(toml::Table::keys);
    let mut on: Vec<_> =
        names.filter_map(|name| Some(name.strip_prefix("step")?.get(..2)?.to_owned())).collect();
    on.sort();
    Ok((package.into(), on))
}

/// The chapters with this number, in the order of SUMMARY.md.
fn chapters(root: &Path, number: &str) -> Result<Vec<Page>, Problem> {
    let summary = fs::read_to_string(root.join("book/src/SUMMARY.md")).unwrap_or_default();
    let links = summary.split("](").skip(1).filter_map(|link| Some(link.split_once(')')?.0));
    let files: Vec<_> = links.filter(|file| file.starts_with(&format!("{number}-"))).collect();
    if files.is_empty() {
        return Err(Problem::new(
            format!("step {number} has no chapter"),
            format!("Add it to book/src/SUMMARY.md: - [Title]({number}-name.md)"),
        ));
    }
    let page = |file: &str| {
        let times = time::times(root, file)?;
        let text = fs::read_to_string(root.join("book/src").join(file)).unwrap_or_default();
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).ok_or_else(|| {
            Problem::new(format!("{file} has no title"), "Begin it with: # Title")
        })?;
        Ok(Page { file: file.into(), title: title.into(), times })
    };
    files.into_iter().map(page).collect()
}

/// Is it a staircase? No stair is missing, each stands on lower ones, and the short way on itself.
fn check(stairs: &[Stair]) -> Result<(), Problem> {
    for (n, stair) in stairs.iter().enumerate() {
        let number = &stair.number;
        if *number != format!("{:02}", n + 1) {
            return Err(Problem::new(
                format!("step {:02} is missing, before {}", n + 1, stair.package),
                "The steps count from 01, without a gap.",
            ));
        }
        if let Some(above) = stair.on.iter().find(|on| *on >= number) {
            return Err(Problem::new(
                format!("step {number} stands on {above}"),
                "A step depends only on steps below it.",
            ));
        }
        let off = stair.on.iter().find(|on| !SHORT.contains(&on.as_str()));
        if let Some(off) = off.filter(|_| stair.is_short()) {
            return Err(Problem::new(
                format!("the short way leads over {number}, which stands on {off}"),
                "Add that step to SHORT, in xtask/src/book/staircase.rs",
            ));
        }
    }
    Ok(())
}

/// A stair for each step, as high as its number.
fn picture(stairs: &[Stair]) -> String {
    let mut html = "<nav class=\"stairs\" aria-label=\"The staircase\">\n<ol>\n".to_owned();
    for (n, stair) in stairs.iter().enumerate() {
        let Stair { number, name, about, chapters, .. } = stair;
        let short = if stair.is_short() { " class=\"short\"" } else { "" };
        let _ = writeln!(
            html,
            "<li{short} data-step=\"{number}\" style=\"--stair: {n}\"><a href=\"{}\" title=\"{}\">\
             <b>{number}</b> <span>{name}</span></a></li>",
            chapters[0].file,
            escaped(&about.title),
        );
    }
    // Whoever points at a stair sees what it stands on.
    html += "</ol>\n<style>\n";
    for Stair { number, on, .. } in stairs.iter().filter(|stair| !stair.on.is_empty()) {
        let on: Vec<_> = on.iter().map(|on| format!("[data-step=\"{on}\"]")).collect();
        let _ = writeln!(
            html,
            ".stairs:has([data-step=\"{number}\"] > a:is(:hover, :focus-visible)) :is({}) > a \
             {{ border-color: currentColor; background: var(--figure-on); }}",
            on.join(", ")
        );
    }
    let hours = |short: bool, of: fn(&Times) -> usize| -> String {
        let minutes: usize = stairs
            .iter()
            .filter(|stair| !short || stair.is_short())
            .map(|stair| stair.minutes(of))
            .sum();
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    };
    let _ = write!(
        html,
        "</style>\n<p>All: {} to read, {} to work through. Filled: the short way to the heart, {}, which stands on \
         no other step: {} to read, {} to work through. Point at a stair to see what it stands on.</p>\n</nav>\n\n",
        hours(false, |times| times.reading),
        hours(false, |times| times.working),
        SHORT.join(" "),
        hours(true, |times| times.reading),
        hours(true, |times| times.working),
    );
    html
}

/// What each step is about.
fn list(stairs: &[Stair]) -> String {
    let mut html = "<ol class=\"steps\">\n".to_owned();
    for stair in stairs {
        let Stair { number, package, about, on, chapters, .. } = stair;
        let short = if stair.is_short() { " class=\"short\"" } else { "" };
        let titles: Vec<_> = chapters
            .iter()
            .map(|Page { file, title, .. }| format!("<a href=\"{file}\">{}</a>", escaped(title)))
            .collect();
        let on = match &on[..] {
            [] => "nothing".to_owned(),
            on => on.join(" "),
        };
        let _ = writeln!(
            html,
            "<li{short}><b class=\"number\">{number}</b> <span class=\"titles\">{}</span> \
             <code>{package}</code>\n<p>{}</p>\n<p class=\"facts\"><span>{} min to read, {} to work through</span> \
             <span>stands on {on}</span></p></li>",
            titles.join(", "),
            escaped(&about.idea),
            stair.minutes(|times| times.reading),
            stair.minutes(|times| times.working),
        );
    }
    html + "</ol>\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::about::tests::fixture;

    fn fault(change: impl FnOnce(&Path)) -> String {
        let dir = fixture();
        change(dir.path());
        staircase(dir.path()).unwrap_err().at("x.md", 1).to_string()
    }

    #[test]
    fn each_step_is_a_link_with_what_it_stands_on() {
        let html = staircase(fixture().path()).unwrap();
        let item = html.lines().find(|line| line.contains("class=\"number\">02")).unwrap();
        assert!(
            item.contains(
                "<a href=\"02-wire.md\">Wire &amp; co</a>, <a href=\"02-more.md\">More</a>"
            ),
            "{item}"
        );
        assert!(item.contains("<code>step02-wire</code>"), "{item}");
        assert!(html.contains("<p>bytes &lt; names</p>"), "{html}");
        assert!(
            html.contains("12 min to read, 80 to work through</span> <span>stands on 01<"),
            "{html}"
        );
        assert!(html.contains("stands on nothing"), "{html}");
        assert!(html.contains("All: 0 h 13 min to read, 2 h 35 min to work through."), "{html}");
        assert!(html.contains("a:is(:hover, :focus-visible)) :is([data-step=\"01\"])"), "{html}");
    }

    #[test]
    fn a_stair_that_is_missing_is_a_fault() {
        let renamed = fault(|root| {
            fs::rename(root.join("steps/02-wire"), root.join("steps/03-wire")).unwrap();
            fs::rename(root.join("book/src/02-wire.md"), root.join("book/src/03-wire.md")).unwrap();
            fs::write(root.join("book/src/SUMMARY.md"), "[D](01-device.md)\n[W](03-wire.md)")
                .unwrap();
        });
        assert!(renamed.contains("step 02 is missing, before step02-wire"), "{renamed}");
        let unlisted =
            fault(|root| fs::write(root.join("book/src/SUMMARY.md"), "[D](01-device.md)").unwrap());
        assert!(unlisted.contains("step 02 has no chapter"), "{unlisted}");
        let gone = fault(|root| fs::remove_file(root.join("steps/02-wire/step.toml")).unwrap());
        assert!(gone.contains("steps/02-wire/step.toml"), "{gone}");
    }

    #[test]
    fn a_step_stands_on_lower_ones_and_the_short_way_on_itself() {
        let on = |name: &str| {
            fault(|root| {
                let manifest = format!("[package]\nname = \"x\"\n[dependencies]\n{name} = \"1\"\n");
                fs::write(root.join("steps/02-wire/Cargo.toml"), manifest).unwrap();
            })
        };
        assert!(on("step03-x").contains("step 02 stands on 03"));
        assert!(on("step02-x").contains("step 02 stands on 02"));
        assert!(on("step00-x").contains("the short way leads over 02, which stands on 00"));
    }

    #[test]
    fn the_staircase_of_this_workspace_has_thirteen_stairs() {
        let html = staircase(&crate::steps::workspace_root()).unwrap();
        assert_eq!(html.matches("class=\"number\"").count(), 13);
    }
}
