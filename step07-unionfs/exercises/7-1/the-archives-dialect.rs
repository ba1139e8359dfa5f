// wrong: that is how an archive says it, and the kernel's overlay does not
// says: the layer made of its changes has no whiteout there
    mknodat(dir, Archived::whiteout(name).as_os_str(), SFlag::S_IFREG, Mode::empty(), 0)
