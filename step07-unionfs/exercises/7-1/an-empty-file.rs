// wrong: an empty file is a file; the kernel knows a whiteout by its type
// says: the layer made of its changes has no whiteout there
    mknodat(dir, name, SFlag::S_IFREG, Mode::empty(), 0)
