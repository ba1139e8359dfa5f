// wrong: a container of the same bridge is answered past the host, from an address that it never
// asked, and takes no notice
// says: another container
vec![
    base("postrouting", "nat", Place::Postrouting, 100),
    rule("postrouting", [Source(subnet), NotTo(BRIDGE)], Masquerade),
    rule("postrouting", [Source(loopback), To(BRIDGE)], Masquerade),
]
