// wrong: the size is that of the address, the kernel refuses it, and the error is dropped
// says: what came of create=/data/new, in a volume with :ro, is not as it should be
let recursive = if recursive { libc::AT_RECURSIVE } else { 0 };
let attr = &raw const attr;
// SAFETY: the kernel reads `attr`, whose size it is told.
let _ = unsafe {
    libc::syscall(
        libc::SYS_mount_setattr,
        mount.as_fd().as_raw_fd(),
        c"".as_ptr(),
        libc::AT_EMPTY_PATH | recursive,
        attr,
        size_of_val(&attr),
    )
};
Ok(())
