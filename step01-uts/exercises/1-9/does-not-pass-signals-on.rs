// wrong: only the end is waited for; signals pile up and nobody gets them
// says: signal 1 to the runtime
let _ = signals;
loop {
    let mut fds = [PollFd::new(pidfd, PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::NONE) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno).context("waiting for the container"),
    }
    if let Some(status) = reap(pidfd)? {
        return Ok(status);
    }
}
