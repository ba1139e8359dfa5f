// wrong: a chain of type "filter" lets through or drops; only one of type "nat" may turn a packet
// says: making the nft table: EOPNOTSUPP
vec![
    AddChain(Chain { name: "ports", hook: None }),
    rule("ports", [], Turn(&PUBLISHED_AT)),
    rule("ports", [ToThisHost], Turn(&PUBLISHED)),
    base("prerouting", "filter", Place::Prerouting, -100),
    rule("prerouting", [], Jump("ports")),
    base("output", "filter", Place::Output, -100),
    rule("output", [], Jump("ports")),
]
