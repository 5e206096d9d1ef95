//! `{{#kernel FUNCTION}}`: a function of the kernel, and the file where it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use crate::book::fault::{Problem, nearest};

/// The table, from the workspace's root.
const TABLE: &str = "book/kernel.toml";

/// Which function is in which file of the kernel's source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Functions {
    version: String,
    functions: BTreeMap<String, String>,
}

impl Functions {
    /// The workspace's table.
    pub fn read(root: &Path) -> anyhow::Result<Functions> {
        let text =
            fs::read_to_string(root.join(TABLE)).with_context(|| format!("cannot read {TABLE}"))?;
        toml::from_str(&text).with_context(|| format!("cannot parse {TABLE}"))
    }

    /// How a chapter shows the function; where it is, at its first mention.
    pub fn mention(&self, name: &str, first: bool) -> Result<String, Problem> {
        let Some(file) = self.functions.get(name) else {
            let nearest = nearest(name, self.functions.keys().cloned());
            let advice =
                format!("{nearest}. Look it up in the kernel's source, and add it to {TABLE}");
            return Err(Problem::new(format!("{name} is not in {TABLE}"), advice));
        };
        Ok(match first {
            true => format!("<code>{name}</code> ({file}, v{})", self.version),
            false => format!("<code>{name}</code>"),
        })
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A table of one function.
    pub fn fixture() -> Functions {
        toml::from_str("version = \"6.12\"\n[functions]\nfuse_dev_do_write = \"fs/fuse/dev.c\"\n")
            .unwrap()
    }

    #[test]
    fn the_first_mention_says_where() {
        let mention = |first| fixture().mention("fuse_dev_do_write", first).unwrap();
        assert_eq!(mention(true), "<code>fuse_dev_do_write</code> (fs/fuse/dev.c, v6.12)");
        assert_eq!(mention(false), "<code>fuse_dev_do_write</code>");
    }

    #[test]
    fn an_unknown_function_names_the_nearest() {
        let fault =
            fixture().mention("fuse_dev_write", true).unwrap_err().at("x.md", 1).to_string();
        assert!(
            fault.contains("book/kernel.toml") && fault.contains("fuse_dev_do_write"),
            "{fault}"
        );
    }

    #[test]
    fn the_table_of_this_workspace_can_be_read() {
        let table = Functions::read(&crate::steps::workspace_root()).unwrap();
        assert!(table.functions.values().all(|file| file.ends_with(".c") || file.ends_with(".h")));
    }
}
