// wrong: flags that the kernel does not take, and a result that nobody looks at
// says: is no procfs after mounting one there
let flags = 0;
// SAFETY: the empty paths are constants.
let _ = unsafe {
    libc::syscall(
        libc::SYS_move_mount,
        mount.as_fd().as_raw_fd(),
        c"".as_ptr(),
        target.as_fd().as_raw_fd(),
        c"".as_ptr(),
        flags,
    )
};
Ok(())
