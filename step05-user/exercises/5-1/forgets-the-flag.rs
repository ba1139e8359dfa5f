// wrong: without a user namespace of its own the container's root is the caller
// says: the container has no user namespace to be given a map
CloneFlags::empty()
