// Wrong: grow is given slots, and takes bytes: the pipe shrinks.
// Caught by: step12::a_spliced_write_is_never_held
    let mut pipe = Pipe::new().ok()?;
    let _ = pipe.grow(SLOTS);
    pipe.slots().is_ok_and(|slots| slots >= SLOTS).then_some(pipe)
