// wrong: packets of the host's own do not pass prerouting: they begin at output
// says: the host does not reach the published port
vec![
    AddChain(Chain { name: "ports", hook: None }),
    rule("ports", [], Turn(&PUBLISHED_AT)),
    rule("ports", [ToThisHost], Turn(&PUBLISHED)),
    base("prerouting", "nat", Place::Prerouting, -100),
    rule("prerouting", [], Jump("ports")),
]
