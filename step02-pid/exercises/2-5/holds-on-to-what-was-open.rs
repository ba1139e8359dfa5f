// wrong: init keeps the report pipe open, and the host waits for its end until the command's
// says: what init still has open, such as the report pipe whose end the host waits for,
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
    while let Some(signal) = signals.next()? {
        if let Some(number) = to_pass_on(&signal) {
            pass_on(command, number);
        }
    }
}
