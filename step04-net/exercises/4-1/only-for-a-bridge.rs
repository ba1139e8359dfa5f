// wrong: "none" means a namespace with the loopback interface alone, not the host's network
// says: the network namespace is the same inside and outside
match self.network {
    Some(Network::Bridge) => CloneFlags::CLONE_NEWNET,
    _ => CloneFlags::empty(),
}
