// wrong: Ctrl-C, which the terminal has sent to the command too, arrives a second time
// says: what the command was sent when an orphan had ended is not as it should be
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
    while let Some(signal) = signals.next()? {
        pass_on(command, signal.ssi_signo.cast_signed());
    }
}
