// wrong: the flag for the target's side is missing, so its empty path is looked up as a name
// says: ENOENT
let flags = libc::MOVE_MOUNT_F_EMPTY_PATH;
// SAFETY: the empty paths are constants.
let result = unsafe {
    libc::syscall(
        libc::SYS_move_mount,
        mount.as_fd().as_raw_fd(),
        c"".as_ptr(),
        target.as_fd().as_raw_fd(),
        c"".as_ptr(),
        flags,
    )
};
Errno::result(result).map(drop)
