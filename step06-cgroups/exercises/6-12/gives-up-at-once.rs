// wrong: a process that was killed may be in the group for a moment yet
// says: and the group was not removed then
    for below in groups_in(dir) {
        remove(&below, deadline)?;
    }
    match fs::remove_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
