// Wrong: the wrong set is read: what this process could ever get, not what it has.
// Caught by: step13::unprivileged::a_user_is_told_what_works_without_a_mount
    const CAP_SYS_ADMIN: u64 = 1 << 21;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    match bounding.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()) {
        Some(set) => set & CAP_SYS_ADMIN != 0,
        None => geteuid().is_root(),
    }
