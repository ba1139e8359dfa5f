// wrong: always recursive, so that a read-only rootfs has a read-only /dev/shm too
// says: on a mount of its own, is not as it should be
let _ = recursive;
// SAFETY: the kernel reads `attr`, whose size it is told.
let result = unsafe {
    libc::syscall(
        libc::SYS_mount_setattr,
        mount.as_fd().as_raw_fd(),
        c"".as_ptr(),
        libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
        &raw const attr,
        size_of_val(&attr),
    )
};
Errno::result(result).map(drop)
