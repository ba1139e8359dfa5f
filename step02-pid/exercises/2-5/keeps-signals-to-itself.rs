// wrong: signals are read, which wakes init to reap, and not passed on
// says: SIGTERM to the runtime is to end the command
close_all_but_stdio();
let signals = Signals::hold()?;
loop {
    if let Some(status) = reap(command)? {
        return Ok(status);
    }
    let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno).context("waiting for signals"),
    }
    while signals.next()?.is_some() {}
}
