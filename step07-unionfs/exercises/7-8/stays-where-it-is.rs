// wrong: the numbers are names in /proc/self/fd, and in no other directory
// says: mounting an overlay on
        let options = self.map(|fd| fd.as_raw_fd().to_string()).options();
        mount(Some("overlay"), target, Some("overlay"), MsFlags::empty(), Some(&*options))
