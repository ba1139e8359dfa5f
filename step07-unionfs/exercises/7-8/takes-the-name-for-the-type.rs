// wrong: overlay is the type; the source is any word, and without a type there is no mount
// says: mounting an overlay on
        let options = self.map(|fd| fd.as_raw_fd().to_string()).options();
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let here = open(".", flags, Mode::empty())?;
        chdir("/proc/self/fd")?;
        let mounted = mount(Some("overlay"), target, None::<&str>, MsFlags::empty(), Some(&*options));
        fchdir(&here)?;
        mounted
