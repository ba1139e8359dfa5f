// wrong: `answer` is left with O_NONBLOCK, which it had for the opening alone: read(2) gives EAGAIN
// says: Resource temporarily unavailable
    let path = dir.join("answer");
    let mut answer = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(&path)
        .with_context(|| format!("opening {}", path.display()))?;
    match knock(dir) {
        Ok(mut start) => start.write_all(&[1]).context("opening the gate")?,
        Err(Errno::ENXIO | Errno::ENOENT) => bail!("it does not wait to be started"),
        Err(errno) => return Err(errno).context("opening the gate"),
    }
    let mut text = Vec::new();
    answer.read_to_end(&mut text).context("waiting for the command")?;
    match text.split_first() {
        None => Ok(()),
        Some((code, message)) => Err(Failure::new(*code, String::from_utf8_lossy(message)).into()),
    }
