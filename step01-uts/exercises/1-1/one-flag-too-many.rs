// wrong: to be on the safe side, one namespace more than asked for
// says: the mnt namespace, which a later step makes, is not as it should be
CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWNS
