// wrong: port 8080 of every machine in the world is turned to the container
// says: what is for port 8080 of another machine does not get there
vec![
    AddChain(Chain { name: "ports", hook: None }),
    rule("ports", [], Turn(&PUBLISHED_AT)),
    rule("ports", [], Turn(&PUBLISHED)),
    base("prerouting", "nat", Place::Prerouting, -100),
    rule("prerouting", [], Jump("ports")),
    base("output", "nat", Place::Output, -100),
    rule("output", [], Jump("ports")),
]
