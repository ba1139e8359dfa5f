// wrong: the target is to be mounted on the mount
// says: EINVAL
let flags = libc::MOVE_MOUNT_F_EMPTY_PATH | libc::MOVE_MOUNT_T_EMPTY_PATH;
// SAFETY: the empty paths are constants.
let result = unsafe {
    libc::syscall(
        libc::SYS_move_mount,
        target.as_fd().as_raw_fd(),
        c"".as_ptr(),
        mount.as_fd().as_raw_fd(),
        c"".as_ptr(),
        flags,
    )
};
Errno::result(result).map(drop)
