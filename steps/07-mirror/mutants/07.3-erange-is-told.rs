// Wrong: a value that grew between the two calls is an error: ERANGE.
// Caught by: 07-mirror::xattr::tests::a_value_may_change_between_two_calls
    let mut bytes = vec![0; Errno::result(ask(null_mut(), 0))? as usize];
    if bytes.is_empty() {
        return Ok(bytes);
    }
    let length = Errno::result(ask(bytes.as_mut_ptr().cast(), bytes.len()))?;
    bytes.truncate(length as usize);
    Ok(bytes)
