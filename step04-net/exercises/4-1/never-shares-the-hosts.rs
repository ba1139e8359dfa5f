// wrong: with --network host there must be no namespace, or the container has no network at all
// says: interfaces is not as it should be
CloneFlags::CLONE_NEWNET
