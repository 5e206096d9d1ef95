//! Tests that failed, once more: this time the witness runs them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};

use anyhow::Context;
use vm_init::Record;

use crate::port::Port;
use crate::run::run_and_report;
use crate::tests::Failed;

/// No more than the first few: a story of each failure of a server that does nothing yet helps nobody.
const TESTS: usize = 3;
/// The deadline, in seconds, where the first run's was not shorter.
const TIMEOUT: u64 = 10;
/// Where the witness writes what it sees.
const FACTS: &str = "/tmp/facts";

/// Runs them again, each in a fresh directory, and tells the host what was seen.
pub fn run_again(
    failed: &[Failed],
    timeout: u64,
    environment: &[(String, String)],
    results: &mut Port,
) -> anyhow::Result<()> {
    // A snapshot that differs was proposed by the first run.
    let judge = ("INSTA_UPDATE".to_owned(), "no".to_owned());
    let environment = [environment, &[judge]].concat();
    for Failed { command, name } in failed.iter().take(TESTS) {
        results.send(&Record::Again { test: name.clone() })?;
        let witness = ["/init".to_owned(), FACTS.to_owned()];
        let command = [&witness[..], command].concat();
        let again = format!("{name}::again");
        run_and_report(&command, &environment, timeout.min(TIMEOUT), &again, results)?;
        // Where there is none, the witness has said why, in its output.
        let Ok(facts) = File::open(FACTS) else { continue };
        for line in BufReader::new(facts).lines() {
            let line = line.with_context(|| format!("cannot read {FACTS}"))?;
            // The last line may be cut, where the witness was killed.
            let Ok(fact) = serde_json::from_str(&line) else { continue };
            results.send(&Record::Seen { fact })?;
        }
        let _ = fs::remove_file(FACTS);
    }
    Ok(())
}
