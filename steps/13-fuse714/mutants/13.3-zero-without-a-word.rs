// Wrong: a child that exits with 0 and without a word passes for a server that is ready.
// Caught by: 13-fuse714::background::tests::a_child_without_a_word_was_never_ready
    if reader.read_exact(&mut [0]).is_ok() {
        return 0;
    }
    let status = loop {
        match waitpid(child, None) {
            Err(Errno::EINTR) => {}
            status => break status,
        }
    };
    match status {
        Ok(WaitStatus::Exited(_, status)) => status,
        Ok(WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
        _ => 1,
    }
