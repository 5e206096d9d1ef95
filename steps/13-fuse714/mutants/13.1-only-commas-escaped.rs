// Wrong: a backslash counts only before a comma: one before a backslash stays.
// Caught by: 13-fuse714::options::tests::a_list_is_split_at_its_commas
    let mut parts = vec![String::new()];
    let mut rest = list.chars().peekable();
    while let Some(char) = rest.next() {
        let last = parts.len() - 1;
        match char {
            ',' => parts.push(String::new()),
            '\\' if rest.peek() == Some(&',') => parts[last].extend(rest.next()),
            other => parts[last].push(other),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
