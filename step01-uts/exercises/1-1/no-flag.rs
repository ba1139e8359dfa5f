// wrong: no flag at all; what the container makes lands in the host's tables, and nobody notices inside
// says: the ipc namespace is the same inside and outside
CloneFlags::empty()
