// wrong: the kernel is told the size of the address, not of what is there
// says: EINVAL
let mut pidfd: RawFd = -1;
let _ = group;
let flags = flags.bits() | libc::CLONE_PIDFD;
// SAFETY: `clone_args` is a plain structure of integers, for which zero means "not used".
let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
args.flags = u64::from(flags.cast_unsigned());
args.pidfd = &raw mut pidfd as u64;
args.exit_signal = u64::from(exit_signal.cast_unsigned());
let args = &raw const args;
// SAFETY: without CLONE_VM this is fork(2).
let pid = unsafe { libc::syscall(libc::SYS_clone3, args, size_of_val(&args)) };
match Errno::result(pid)? {
    0 => Ok(None),
    pid => Ok(Some(Child {
        pid: Pid::from_raw(i32::try_from(pid).expect("the kernel's pids fit pid_t")),
        // SAFETY: the kernel has just opened this descriptor for us.
        pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
    })),
}
