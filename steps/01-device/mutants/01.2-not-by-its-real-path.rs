// Wrong: the list of mounts is asked for the path as it was given, through a symbolic link.
// Caught by: 01-device::mount::tests::an_unfit_directory_is_told_before_the_kernel_is_asked
    let path = dir
        .canonicalize()
        .map_err(|e| MountError { dir: dir.to_owned(), why: why(errno_of(&e)) })?;
    match listed(dir)? {
        Some(other) => Err(MountError { dir: path, why: Why::Busy(other) }),
        None => Ok(path),
    }
