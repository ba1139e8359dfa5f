// wrong: the file system's own options, such as its size, are not told to it
// says: the mode asked for is not as it should be
let _ = data;
let context = fsopen(fstype)?;
fsconfig(&context, libc::FSCONFIG_SET_STRING, Some("source"), Some(source))?;
fsconfig(&context, libc::FSCONFIG_CMD_CREATE, None, None)?;
let (flags, set) = (libc::FSMOUNT_CLOEXEC, attributes.set);
// SAFETY: numbers go in, a descriptor comes out.
let mount = unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), flags, set) };
fd(mount).map_err(|errno| Refusal { errno, words: last_words(&context, String::new()) })
