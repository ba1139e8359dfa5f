// wrong: AT_RECURSIVE is left out; what is mounted below stays as it is
// says: what came of create=/data/sub/new, in a volume with :ro, is not as it should be
let _ = recursive;
// SAFETY: the kernel reads `attr`, whose size it is told.
let result = unsafe {
    libc::syscall(
        libc::SYS_mount_setattr,
        mount.as_fd().as_raw_fd(),
        c"".as_ptr(),
        libc::AT_EMPTY_PATH,
        &raw const attr,
        size_of_val(&attr),
    )
};
Errno::result(result).map(drop)
