// wrong: one for each wake-up, but several ends may be told by one SIGCHLD
// says: the number of processes, zombies and all, when five orphans had ended, is not as it should be
match reap_any() {
    Ok(Some((pid, status))) if pid == command => Ok(Some(status)),
    Ok(_) | Err(Errno::EINTR) => Ok(None),
    Err(errno) => Err(errno).context("reaping"),
}
