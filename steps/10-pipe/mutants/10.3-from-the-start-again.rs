// Wrong: the second splice from a file begins where the first did.
// Caught by: step10::the_experiments_end_as_the_book_says
    let flags = SpliceFFlags::empty();
    let Some(offset) = offset else {
        return splice(source, None, pipe, None, len - done, flags);
    };
    let at = libc::loff_t::try_from(offset).map_err(|_| Errno::EINVAL);
    splice(source, Some(&mut at?), pipe, None, len - done, flags)
