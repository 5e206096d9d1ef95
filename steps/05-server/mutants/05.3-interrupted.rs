// Wrong: a call that a signal has interrupted is an error.
// Caught by: 05-server::interrupted::a_signal_is_neither_an_end_nor_an_error
    let mut buffer = vec![0; len];
    let mut filled = 0;
    while filled < len {
        let read = match offset {
            Some(offset) => pread(source, &mut buffer[filled..], position(offset, filled)?),
            None => read(source, &mut buffer[filled..]),
        };
        match read? {
            0 => break,
            count => filled += count,
        }
        if offset.is_none() {
            break;
        }
    }
    buffer.truncate(filled);
    Ok(buffer)
