// wrong: the parent becomes the command, and is process 1; the child serves nobody
// says: the number of the command's process is not as it should be
// SAFETY: this process has one thread.
match unsafe { fork() }.context("forking the command off")? {
    ForkResult::Parent { .. } => Ok(()),
    ForkResult::Child => {
        let code = serve(Pid::parent()).map_or(125, Status::code);
        // SAFETY: ends the process.
        unsafe { libc::_exit(code.into()) }
    }
}
