// wrong: an exit code is passed on, a death by signal is not
// says: the command was killed by signal 1, with --init: expected exit code 129
// SAFETY: this process has one thread.
match unsafe { fork() }.context("forking the command off")? {
    ForkResult::Child => Ok(()),
    ForkResult::Parent { child } => {
        let code = match serve(child) {
            Ok(Status::Exited(code)) => code.into(),
            Ok(Status::Killed(signal)) => signal,
            Err(_) => 125,
        };
        // SAFETY: ends the process, and with it the PID namespace.
        unsafe { libc::_exit(code) }
    }
}
