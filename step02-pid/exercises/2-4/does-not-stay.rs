// wrong: as daemons do, the parent ends at once; but with process 1 ends the namespace
// says: expected exit code 
// SAFETY: this process has one thread.
match unsafe { fork() }.context("forking the command off")? {
    ForkResult::Child => Ok(()),
    // SAFETY: ends the process, and with it the PID namespace.
    ForkResult::Parent { .. } => unsafe { libc::_exit(0) },
}
