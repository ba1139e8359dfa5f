// wrong: the container would answer to its own 127.0.0.1
// says: the host does not reach the published port: nobody answers at 127.0.0.1:8080
let _ = loopback;
vec![
    base("postrouting", "nat", Place::Postrouting, 100),
    rule("postrouting", [Source(subnet), NotTo(BRIDGE)], Masquerade),
    rule("postrouting", [Source(subnet), To(BRIDGE), Turned], Masquerade),
]
