// wrong: without AT_EMPTY_PATH the empty path is no name of anything
// says: ENOENT
let recursive = if recursive { libc::AT_RECURSIVE } else { 0 };
// SAFETY: the kernel reads `attr`, whose size it is told.
let result = unsafe {
    libc::syscall(
        libc::SYS_mount_setattr,
        mount.as_fd().as_raw_fd(),
        c"".as_ptr(),
        recursive,
        &raw const attr,
        size_of_val(&attr),
    )
};
Errno::result(result).map(drop)
