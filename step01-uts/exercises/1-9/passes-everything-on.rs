// wrong: news of the child are sent to the child, and Ctrl-C, which it has had, a second time
// says: what arrived when SIGCONT was sent to the command, and SIGCHLD to the runtime, is not
loop {
    let mut fds =
        [PollFd::new(pidfd, PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno).context("waiting for the container"),
    }
    while let Some(signal) = signals.next()? {
        let _ = send(pidfd, signal.ssi_signo.cast_signed());
    }
    if let Some(status) = reap(pidfd)? {
        return Ok(status);
    }
}
