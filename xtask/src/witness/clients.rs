//! What the clients called, and what came of it.

use std::collections::HashMap;
use std::fmt::Write;

use vm_init::{Fact, Process};

use super::names;

/// So many calls are told: the last ones.
const TOLD: usize = 12;

struct Call<'a> {
    by: &'a Process,
    call: &'a str,
    path: &'a str,
    other: Option<&'a str>,
    /// None: it has not returned.
    result: Option<i64>,
}

/// The calls about files below a FUSE mount.
pub fn told(facts: &[Fact]) -> String {
    let calls = calls(facts);
    let mut told = String::from("\n  What the clients called, and what they saw:\n");
    if calls.is_empty() {
        return told + "    nothing was called below a FUSE mount.\n";
    }
    let before = calls.len().saturating_sub(TOLD);
    if before > 0 {
        let failed =
            calls[..before].iter().filter(|call| call.result.is_none_or(|r| r < 0)).count();
        let _ = writeln!(told, "    … {before} before, {failed} of them failed");
    }
    for Call { by, call, path, other, result } in &calls[before..] {
        let other = other.map(|path| format!(", \"{path}\"")).unwrap_or_default();
        let came = match result {
            Some(result) => format!("= {}{}", names::result(*result), names::description(*result)),
            None => "has not returned".to_owned(),
        };
        let who = format!("{} (pid {})", by.name, by.pid);
        let _ = writeln!(told, "    {who:<26} {call}(\"{path}\"{other}) {came}");
    }
    told
}

fn calls(facts: &[Fact]) -> Vec<Call<'_>> {
    let mut calls = Vec::new();
    let mut places = HashMap::new();
    for fact in facts {
        match fact {
            Fact::Call { id, by, call, path, other } => {
                places.insert(id, calls.len());
                calls.push(Call { by, call, path, other: other.as_deref(), result: None });
            }
            Fact::Result { id, result } => {
                if let Some(&place) = places.get(id) {
                    calls[place].result = Some(*result);
                }
            }
            _ => {}
        }
    }
    calls
}
