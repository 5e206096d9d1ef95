// Wrong: eprint! panics when stderr is gone, and takes the server with it.
// Caught by: 03-handshake::traced::without_stderr_the_server_goes_on
        let Some(trace) = &self.trace else { return };
        let mut trace = trace.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let line = format!("{}\n", line(&mut trace));
        eprint!("{line}");
