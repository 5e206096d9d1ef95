//! A chapter as pieces: lines of text, and fenced blocks with the rules for what may stand in them.

use crate::book::fault::Problem;

/// A part of a chapter, in order.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line outside all fences, and its number from 1.
    Line(usize, &'a str),
    /// A fenced block.
    Fence(Fence<'a>),
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub struct Fence<'a> {
    /// The number of its first line, from 1.
    pub line: usize,
    /// What follows the opening backticks: `console,fails`.
    pub info: &'a str,
    /// All its lines as they are in the chapter.
    pub raw: Vec<&'a str>,
    /// What is between the fences, without the indentation or `>` of the block.
    pub body: Vec<&'a str>,
    /// Does it end before the chapter does?
    pub closed: bool,
    /// Does an HTML comment stand right before it?
    pub explained: bool,
}

/// Cuts a chapter into its pieces. Fences count in lists and quotations as well.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut explained = false;
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let inner = line.trim_start_matches([' ', '>']);
        let item = inner.strip_prefix("- ").or_else(|| numbered_item(inner)).unwrap_or(inner);
        let Some((mark, info)) = opening(item.trim_start()) else {
            if !inner.is_empty() {
                explained = inner.trim_end().ends_with("-->");
            }
            pieces.push(Piece::Line(index + 1, line));
            continue;
        };
        let prefix = line.len() - inner.len();
        let mut fence = Fence {
            line: index + 1,
            info,
            raw: vec![line],
            body: Vec::new(),
            closed: false,
            explained: std::mem::take(&mut explained),
        };
        for (_, line) in lines.by_ref() {
            fence.raw.push(line);
            let bare = line.trim_start_matches([' ', '>']).trim_end();
            if bare.starts_with(mark) && bare.chars().all(|c| mark.starts_with(c)) {
                fence.closed = true;
                break;
            }
            let dressing = line.len() - line.trim_start_matches([' ', '>']).len();
            fence.body.push(&line[prefix.min(dressing)..]);
        }
        pieces.push(Piece::Fence(fence));
    }
    pieces
}

/// What follows `1. `.
fn numbered_item(line: &str) -> Option<&str> {
    let (number, rest) = line.split_once(". ")?;
    number.parse::<u32>().ok().map(|_| rest)
}

/// The backticks or tildes that open a fence, and its info string.
fn opening(line: &str) -> Option<(&str, &str)> {
    let kind = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let info = line.trim_start_matches(kind);
    let mark = &line[..line.len() - info.len()];
    (mark.len() >= 3 && !info.contains('`')).then(|| (mark, info.trim()))
}

/// How a `console` block is replayed, by the word after the comma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Each command must succeed.
    Succeeds,
    /// `fails`: each command must fail.
    Fails,
    /// `background`: a server. It is started, and stopped at the chapter's end.
    Background,
    /// `once`: not replayed. A comment before it says why.
    Once,
}

impl Fence<'_> {
    /// How its commands are replayed. `None`: it has none, it is not a `console` block.
    pub fn replay(&self) -> Option<Result<Replay, Problem>> {
        let word = self.info.strip_prefix("console")?;
        if !word.is_empty() && !word.starts_with([',', ' ']) {
            return None;
        }
        Some(match word {
            "" => Ok(Replay::Succeeds),
            ",fails" => Ok(Replay::Fails),
            ",background" => Ok(Replay::Background),
            ",once" if self.explained => Ok(Replay::Once),
            ",once" => Err(Problem::new(
                "a block that is not replayed, and nothing says why",
                "Put the reason in a comment before it: <!-- once: it needs the network -->",
            )),
            _ => Err(Problem::new(
                format!("```{}: no such kind of console block", self.info),
                "Kinds: console  console,fails  console,background  console,once",
            )),
        })
    }

    /// The commands that the reader is told to type: what follows `$ `, with its continuations.
    pub fn commands(&self) -> Vec<String> {
        let mut commands: Vec<String> = Vec::new();
        let mut continued = false;
        for line in &self.body {
            match line.strip_prefix("$ ") {
                _ if continued => commands.iter_mut().last().into_iter().for_each(|command| {
                    command.push('\n');
                    command.push_str(line);
                }),
                Some(command) => commands.push(command.into()),
                None => {}
            }
            continued = line.ends_with('\\');
        }
        commands
    }

    /// May this stand in a chapter? Code and output come from what runs, never from a keyboard.
    pub fn check(&self) -> Result<(), Problem> {
        let language = self.info.split([',', ' ', '{']).next().unwrap_or_default();
        let by_hand = self.info.split([',', ' ']).any(|word| word == "by-hand");
        if !self.closed {
            return Err(Problem::new("a block that never ends", "Close it with ```"));
        }
        if self.body.iter().any(|line| line.contains("{{#")) {
            return Err(Problem::new(
                "a directive inside a fenced block, where it is not resolved",
                "A directive brings its own block: write it alone on a line, outside of fences.",
            ));
        }
        match language {
            "console" => self.check_console(),
            "rust" => Err(Problem::new(
                "Rust code typed by hand",
                "Take it from a step: {{#code steps/NN-name/src/FILE.rs:ANCHOR}}",
            )),
            "text" => Err(Problem::new(
                "output typed by hand",
                "Record it, then write {{#output NAME}}. What the reader is to type is ```console.",
            )),
            _ if by_hand => Ok(()),
            _ => Err(Problem::new(
                format!("a block of {language:?} that does not say where it is from"),
                "If no test can record it, say so: ```c by-hand (or toml, figure, …)",
            )),
        }
    }

    fn check_console(&self) -> Result<(), Problem> {
        self.replay().transpose()?;
        let mut continued = false;
        for line in &self.body {
            if !continued && !line.trim().is_empty() && !line.starts_with("$ ") {
                return Err(Problem::new(
                    format!("output typed by hand: {line:?}"),
                    "A console block holds only what the reader types, after `$ `. Record the output, \
                     then write {{#output NAME}} below the block.",
                ));
            }
            continued = line.ends_with('\\');
        }
        if continued || self.commands().is_empty() {
            return Err(Problem::new(
                "a console block with no whole command",
                "Write each command after `$ `; a `\\` at a line's end continues it.",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(text: &str) -> Fence<'_> {
        let fence = pieces(text).into_iter().find_map(|piece| match piece {
            Piece::Fence(fence) => Some(fence),
            Piece::Line(..) => None,
        });
        fence.expect("a fence")
    }

    fn fault(text: &str) -> String {
        fence(text).check().unwrap_err().at("x.md", 1).to_string()
    }

    #[test]
    fn a_chapter_is_lines_and_fences() {
        let pieces = pieces("one\n\n```c by-hand\nint x;\n````\nlast\n");
        let [
            Piece::Line(1, "one"),
            Piece::Line(2, ""),
            Piece::Fence(fence),
            Piece::Line(6, "last"),
        ] = &pieces[..]
        else {
            panic!("{pieces:?}")
        };
        assert_eq!((fence.line, fence.info), (3, "c by-hand"));
        assert_eq!(fence.body, ["int x;"]);
        assert_eq!(fence.raw.len(), 3);
    }

    #[test]
    fn a_fence_counts_in_a_list_and_in_a_quotation() {
        assert_eq!(
            fence("1. do:\n\n   ```console\n   $ a \\\n       b\n   ```\n").commands(),
            ["a \\\n    b"]
        );
        assert_eq!(fence("> ```console\n> $ a\n> ```\n").commands(), ["a"]);
        assert_eq!(fence("- ```text\n  typed\n  ```\n").info, "text");
    }

    #[test]
    fn a_longer_fence_holds_a_shorter_one() {
        assert_eq!(fence("````c by-hand\n```\n````\n").body, ["```"]);
    }

    #[test]
    fn commands_keep_their_continuations() {
        let fence = fence("```console\n$ one \\\n    --two\n\n$ three\n```\n");
        assert_eq!(fence.commands(), ["one \\\n    --two", "three"]);
        assert_eq!(fence.check(), Ok(()));
    }

    #[test]
    fn output_typed_by_hand_is_a_fault() {
        assert!(
            fault("```console\n$ ls\nhello.txt\n```\n")
                .contains("output typed by hand: \"hello.txt\"")
        );
        assert!(fault("```text\nhello.txt\n```\n").contains("{{#output NAME}}"));
        assert!(fault("```text by-hand\nhello.txt\n```\n").contains("output typed by hand"));
        assert!(fault("```console\n# ls\n```\n").contains("output typed by hand"));
    }

    #[test]
    fn code_typed_by_hand_is_a_fault() {
        assert!(fault("```rust\nfn main() {}\n```\n").contains("{{#code"));
        assert!(fault("```rust,by-hand\nfn main() {}\n```\n").contains("{{#code"));
        assert!(fault("```c\nint x;\n```\n").contains("by-hand"));
        assert!(fault("```\nwhat?\n```\n").contains("does not say where it is from"));
        assert_eq!(fence("```c by-hand\nint x;\n```\n").check(), Ok(()));
        assert_eq!(fence("```toml,by-hand\n[a]\n```\n").check(), Ok(()));
    }

    #[test]
    fn other_faults_of_a_block() {
        assert!(fault("```console\n$ ls\n").contains("never ends"));
        assert!(fault("```console\n\n```\n").contains("no whole command"));
        assert!(fault("```console\n$ a \\\n```\n").contains("no whole command"));
        assert!(fault("```c by-hand\n{{#output x}}\n```\n").contains("inside a fenced block"));
    }

    #[test]
    fn the_kinds_of_console_block() {
        let kind = |info: &str| fence(&format!("```{info}\n$ a\n```\n")).replay();
        assert_eq!(kind("console"), Some(Ok(Replay::Succeeds)));
        assert_eq!(kind("console,fails"), Some(Ok(Replay::Fails)));
        assert_eq!(kind("console,background"), Some(Ok(Replay::Background)));
        assert_eq!(kind("c by-hand"), None);
        assert!(fault("```console,twice\n$ a\n```\n").contains("console,fails"));
        assert!(fault("```console fails\n$ a\n```\n").contains("console,fails"));
        assert!(fault("text\n\n```console,once\n$ a\n```\n").contains("nothing says why"));
        let explained = "<!-- once: the network -->\n\n```console,once\n$ git clone URL\n```\n";
        assert_eq!(fence(explained).replay(), Some(Ok(Replay::Once)));
        assert_eq!(fence(explained).check(), Ok(()));
    }
}
