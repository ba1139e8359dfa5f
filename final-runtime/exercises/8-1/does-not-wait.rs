// wrong: it writes the byte and goes; whether the command could be executed nobody learns
// says: `start` ended too early
    match knock(dir) {
        Ok(mut start) => start.write_all(&[1]).context("opening the gate"),
        Err(Errno::ENXIO | Errno::ENOENT) => bail!("it does not wait to be started"),
        Err(errno) => Err(errno).context("opening the gate"),
    }
