// wrong: whatever arrives, the command is told to terminate
// says: what arrived is not as it should be
loop {
    let mut fds =
        [PollFd::new(pidfd, PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno).context("waiting for the container"),
    }
    while let Some(signal) = signals.next()? {
        if to_pass_on(&signal).is_some() {
            let _ = send(pidfd, libc::SIGTERM);
        }
    }
    if let Some(status) = reap(pidfd)? {
        return Ok(status);
    }
}
