//! `{{#flow read copied spliced moved}}`: the ways of a page between the source and the client.

use std::fmt::Write;

use crate::book::fault::{Problem, nearest};

/// A way, and the places and arrows on it.
struct Way {
    /// In which direction: `read` or `write`.
    of: &'static str,
    /// `copied`
    name: &'static str,
    /// Who goes this way.
    by: &'static str,
    places: [Place; 3],
    legs: [Leg; 2],
}

/// Where the bytes are, and what kind of place that is: `page`, `user` for user space, `slot`, `gone`.
struct Place(&'static str, &'static str);

/// How they get on, and by which system call: `copy` of the bytes, `refer`ence, or the page itself `becomes`.
struct Leg(&'static str, &'static str, &'static str);

const SOURCE: Place = Place("page", "source’s page");
const SERVER: Place = Place("user", "server’s memory");
const SLOT: Place = Place("slot", "slot of a pipe");
const CLIENT: Place = Place("page", "page of the client’s file");

const WAYS: [Way; 5] = [
    Way {
        of: "read",
        name: "copied",
        by: "step 05",
        places: [SOURCE, SERVER, CLIENT],
        legs: [Leg("copy", "copy", "pread(2)"), Leg("copy", "copy", "write(2)")],
    },
    Way {
        of: "read",
        name: "spliced",
        by: "step 11",
        places: [SOURCE, SLOT, CLIENT],
        legs: [Leg("refer", "refers to", "splice(2)"), Leg("copy", "copy", "splice(2)")],
    },
    Way {
        of: "read",
        name: "moved",
        by: "step 12, --move",
        places: [Place("gone", "(gone)"), SLOT, Place("page", "the same page")],
        legs: [Leg("refer", "refers to", "splice(2)"), Leg("becomes", "becomes", "splice(2)")],
    },
    Way {
        of: "write",
        name: "copied",
        by: "step 05",
        places: [CLIENT, SERVER, SOURCE],
        legs: [Leg("copy", "copy", "read(2)"), Leg("copy", "copy", "pwrite(2)")],
    },
    Way {
        of: "write",
        name: "spliced",
        by: "step 12",
        places: [CLIENT, SLOT, SOURCE],
        legs: [Leg("refer", "refers to", "splice(2)"), Leg("copy", "copy", "splice(2)")],
    },
];

/// The figure, as HTML.
pub fn flow(argument: &str) -> Result<String, Problem> {
    let (of, names) = argument.split_once(' ').unwrap_or((argument, ""));
    let known = || WAYS.iter().map(|way| format!("{} {}", way.of, way.name));
    let names: Vec<_> = names.split_whitespace().collect();
    if names.is_empty() {
        return Err(Problem::new("it names no way", nearest(argument, known())));
    }
    let mut html = "<figure class=\"flow\">\n".to_owned();
    for name in &names {
        let way = WAYS.iter().find(|way| way.of == of && way.name == *name).ok_or_else(|| {
            let wanted = format!("{of} {name}");
            Problem::new(format!("no such way: {wanted}"), nearest(&wanted, known()))
        })?;
        html += &row(way);
    }
    let (from, to) = if of == "read" { ("source", "client") } else { ("client", "source") };
    let _ = write!(
        html,
        "<figcaption>A page of a {}, from the {from} to the {to}. A solid arrow copies its bytes, a broken one does not.\
         </figcaption>\n</figure>\n",
        of.to_uppercase(),
    );
    Ok(html)
}

fn row(Way { name, by, places, legs, .. }: &Way) -> String {
    let copies = match legs.iter().filter(|Leg(kind, ..)| *kind == "copy").count() {
        0 => "no copy".to_owned(),
        1 => "1 copy".to_owned(),
        n => format!("{n} copies"),
    };
    let title = name[..1].to_uppercase() + &name[1..];
    let mut html =
        format!("<p><span><b>{title}</b>: {by}</span> <span>{copies}</span></p>\n<ol>\n");
    for (n, Place(kind, text)) in places.iter().enumerate() {
        let _ = writeln!(html, "<li class=\"place {kind}\">{text}</li>");
        if let Some(Leg(kind, text, call)) = legs.get(n) {
            let _ = writeln!(
                html,
                "<li class=\"leg {kind}\"><span>{text}</span> <code>{call}</code></li>"
            );
        }
    }
    html + "</ol>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_says_how_often_it_copies() {
        let html = flow("read copied spliced moved").unwrap();
        let rows: Vec<_> = html.lines().filter(|line| line.starts_with("<p>")).collect();
        assert_eq!(rows.len(), 3);
        for (row, copies) in rows.iter().zip(["2 copies", "1 copy", "no copy"]) {
            assert!(row.contains(copies), "{row}");
        }
        assert!(!html.contains("\n\n"));
    }

    #[test]
    fn a_write_goes_from_the_client_to_the_source() {
        let html = flow("write spliced").unwrap();
        let client = html.find("page of the client’s file").unwrap();
        assert!(client < html.find("source’s page").unwrap());
    }

    #[test]
    fn a_way_that_is_not_there_names_the_nearest() {
        let fault = |argument| flow(argument).unwrap_err().at("x.md", 1).to_string();
        assert!(fault("read copeid").contains("Nearest: read copied"));
        assert!(fault("write moved").contains("no such way"));
        assert!(fault("read").contains("it names no way"));
    }
}
