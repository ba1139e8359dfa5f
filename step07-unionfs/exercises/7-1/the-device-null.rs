// wrong: the device 1:3 is null, which a container may well have; a whiteout is 0:0
// says: the layer made of its changes has no whiteout there
    mknodat(dir, name, SFlag::S_IFCHR, Mode::empty(), libc::makedev(1, 3))
