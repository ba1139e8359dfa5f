// wrong: init has done its work well, whatever the command did
// says: the command has called exit(1) with --init: expected exit code 1, not exit code 0
// SAFETY: this process has one thread.
match unsafe { fork() }.context("forking the command off")? {
    ForkResult::Child => Ok(()),
    ForkResult::Parent { child } => {
        let _ = serve(child);
        // SAFETY: ends the process, and with it the PID namespace.
        unsafe { libc::_exit(0) }
    }
}
