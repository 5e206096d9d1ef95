// Wrong: each splice asks for all, also when a part of it has come.
// Caught by: 10-pipe::take::tests::what_is_done_is_not_taken_once_more
    let flags = SpliceFFlags::empty();
    let Some(offset) = offset else {
        return splice(source, None, pipe, None, len, flags);
    };
    let at = offset.checked_add(done as u64).and_then(|at| libc::loff_t::try_from(at).ok());
    splice(source, Some(&mut at.ok_or(Errno::EINVAL)?), pipe, None, len, flags)
