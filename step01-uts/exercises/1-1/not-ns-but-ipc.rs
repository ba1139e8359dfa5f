// wrong: CLONE_NEWNS sounds like "any new namespace", and means mounts
// says: the ipc namespace is the same inside and outside
CloneFlags::CLONE_NEWNS
