// wrong: what comes from the container is to be turned, not what goes there
// says: a container does not reach another machine
vec![
    base("postrouting", "nat", Place::Postrouting, 100),
    rule("postrouting", [Destination(subnet), NotTo(BRIDGE)], Masquerade),
    rule("postrouting", [Source(loopback), To(BRIDGE)], Masquerade),
    rule("postrouting", [Source(subnet), To(BRIDGE), Turned], Masquerade),
]
