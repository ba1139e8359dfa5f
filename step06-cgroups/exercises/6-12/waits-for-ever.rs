// wrong: a process of somebody else may stay in the group for as long as it likes
// says: did not end within
    let _ = deadline;
    loop {
        for below in groups_in(dir) {
            remove(&below, deadline)?;
        }
        match fs::remove_dir(dir) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
