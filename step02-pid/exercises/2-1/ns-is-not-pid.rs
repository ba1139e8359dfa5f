// wrong: CLONE_NEWNS is the flag of mounts
// says: the number of the command's process is not as it should be
CloneFlags::CLONE_NEWNS
