// wrong: a server in the container is not told any more who its client is
// says: where the container sees another machine that comes by 192.0.2.1:8080 is not as it should be
let _ = (subnet, loopback);
vec![
    base("postrouting", "nat", Place::Postrouting, 100),
    rule("postrouting", [], Masquerade),
]
