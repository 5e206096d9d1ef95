//! The README shows a part of the example in the crate's documentation, which is compiled. Is it still that?

/// The lines between the fences of the README's Rust.
fn shown() -> Vec<&'static str> {
    let readme = include_str!("../../../README.md");
    let from = readme.lines().map(str::trim).skip_while(|line| *line != "```rust").skip(1);
    from.take_while(|line| *line != "```").collect()
}

#[test]
fn the_readme_shows_what_is_compiled() {
    let documentation = include_str!("../src/lib.rs");
    let compiled: Vec<_> =
        documentation.lines().filter_map(|line| line.strip_prefix("//!")).map(str::trim).collect();
    let code = |line: &&str| !line.is_empty() && !line.starts_with("// ");
    let shown: Vec<_> = shown().into_iter().filter(code).collect();
    assert!(shown.len() > 5, "{shown:?}");
    let mut rest = compiled.iter();
    for line in shown {
        assert!(rest.any(|there| *there == line), "not compiled, or not in this order: {line}");
    }
}
