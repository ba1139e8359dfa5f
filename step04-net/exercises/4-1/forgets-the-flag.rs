// wrong: no namespace is asked for, so the container has the host's interfaces and ports
// says: the network namespace is the same inside and outside
CloneFlags::empty()
