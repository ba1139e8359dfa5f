// wrong: before it is known which link a packet leaves by, there is no address to give it
// says: making the nft table: EOPNOTSUPP
let _ = loopback;
vec![
    base("postrouting", "nat", Place::Prerouting, -100),
    rule("postrouting", [Source(subnet)], Masquerade),
]
