// wrong: copied from the UTS layer, flag and all
// says: the ipc namespace is the same inside and outside
CloneFlags::CLONE_NEWUTS
