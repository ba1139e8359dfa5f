// wrong: NEWNS is the mount namespace, the first that there was; the network's is NEWNET
// says: the network namespace is the same inside and outside
match self.network {
    Some(Network::Host) => CloneFlags::empty(),
    _ => CloneFlags::CLONE_NEWNS,
}
