// wrong: a port that is published on one address is in another map, which nobody asks
// says: nobody answers at 127.0.0.1:8080
vec![
    AddChain(Chain { name: "ports", hook: None }),
    rule("ports", [ToThisHost], Turn(&PUBLISHED)),
    base("prerouting", "nat", Place::Prerouting, -100),
    rule("prerouting", [], Jump("ports")),
    base("output", "nat", Place::Output, -100),
    rule("output", [], Jump("ports")),
]
