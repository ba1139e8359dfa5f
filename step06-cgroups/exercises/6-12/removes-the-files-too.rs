// wrong: the files of a group are the kernel's: unlink(2) is refused, and rmdir(2) alone is enough
// says: groups
    let _ = deadline;
    fs::remove_dir_all(dir)
