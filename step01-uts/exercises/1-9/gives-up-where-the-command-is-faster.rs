// wrong: the first wake-up counts as the end, whatever it was
// says: what arrived is not as it should be
let mut fds =
    [PollFd::new(pidfd, PollFlags::POLLIN), PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
poll(&mut fds, PollTimeout::NONE).context("waiting for the container")?;
while let Some(signal) = signals.next()? {
    if let Some(number) = to_pass_on(&signal) {
        let _ = send(pidfd, number);
    }
}
Ok(reap(pidfd)?.unwrap_or(Status::Exited(0)))
