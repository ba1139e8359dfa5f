// wrong: a mount namespace on top, since /proc will need one: but that is another layer
// says: the mnt namespace, which a later step makes, is not as it should be
CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS
