// Wrong: a line and its newline are two writes.
// Caught by: 03-handshake::traced::a_line_is_one_write
        let Some(trace) = &self.trace else { return };
        let mut trace = trace.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let _ = writeln!(stderr(), "{}", line(&mut trace));
