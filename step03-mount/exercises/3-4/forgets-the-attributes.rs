// wrong: nosuid, nodev, noexec belong to the mount and not to the file system, and are lost
// says: it does not hold that /proc is nosuid
let _ = attributes;
let context = fsopen(fstype)?;
fsconfig(&context, libc::FSCONFIG_SET_STRING, Some("source"), Some(source))?;
for option in data {
    match option.split_once('=') {
        Some((name, value)) => {
            fsconfig(&context, libc::FSCONFIG_SET_STRING, Some(name), Some(value))?;
        }
        None => fsconfig(&context, libc::FSCONFIG_SET_FLAG, Some(option), None)?,
    }
}
fsconfig(&context, libc::FSCONFIG_CMD_CREATE, None, None)?;
// SAFETY: numbers go in, a descriptor comes out.
let mount =
    unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), libc::FSMOUNT_CLOEXEC, 0) };
fd(mount).map_err(|errno| Refusal { errno, words: last_words(&context, String::new()) })
