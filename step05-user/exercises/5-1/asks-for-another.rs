// wrong: NEWNS makes a mount namespace, which is step 3's and takes privilege
// says: the container has no user namespace to be given a map
CloneFlags::CLONE_NEWNS
