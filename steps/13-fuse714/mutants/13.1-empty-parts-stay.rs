// Wrong: two commas in a row have an empty option between them.
// Caught by: 13-fuse714::options::tests::a_list_is_split_at_its_commas
    let mut parts = vec![String::new()];
    let mut rest = list.chars();
    while let Some(char) = rest.next() {
        let last = parts.len() - 1;
        match char {
            ',' => parts.push(String::new()),
            '\\' => parts[last].extend(rest.next()),
            other => parts[last].push(other),
        }
    }
    parts
