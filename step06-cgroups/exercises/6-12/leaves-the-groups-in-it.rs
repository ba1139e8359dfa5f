// wrong: a group with another in it is busy too, however long one waits
// says: in which somebody had made
    loop {
        match fs::remove_dir(dir) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                if Instant::now() > deadline {
                    return Err(error);
                }
                sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
