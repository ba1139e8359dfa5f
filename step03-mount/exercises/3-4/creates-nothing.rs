// wrong: a context is only a plan; without FSCONFIG_CMD_CREATE there is no file system to mount
// says: EINVAL
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
let (flags, set) = (libc::FSMOUNT_CLOEXEC, attributes.set);
// SAFETY: numbers go in, a descriptor comes out.
let mount = unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), flags, set) };
fd(mount).map_err(|errno| Refusal { errno, words: last_words(&context, String::new()) })
