// wrong: an option with a value is a string, with name and value apart
// says: Unknown parameter
let context = fsopen(fstype)?;
fsconfig(&context, libc::FSCONFIG_SET_STRING, Some("source"), Some(source))?;
for option in data {
    fsconfig(&context, libc::FSCONFIG_SET_FLAG, Some(option), None)?;
}
fsconfig(&context, libc::FSCONFIG_CMD_CREATE, None, None)?;
let (flags, set) = (libc::FSMOUNT_CLOEXEC, attributes.set);
// SAFETY: numbers go in, a descriptor comes out.
let mount = unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), flags, set) };
fd(mount).map_err(|errno| Refusal { errno, words: last_words(&context, String::new()) })
