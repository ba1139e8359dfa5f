// wrong: a whiteout is a character device
// says: the layer made of its changes has no whiteout there
    mknodat(dir, name, SFlag::S_IFBLK, Mode::empty(), 0)
