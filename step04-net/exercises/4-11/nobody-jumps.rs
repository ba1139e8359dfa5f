// wrong: a chain without a hook is asked only by who jumps to it
// says: another machine does not reach the published port
vec![
    AddChain(Chain { name: "ports", hook: None }),
    rule("ports", [], Turn(&PUBLISHED_AT)),
    rule("ports", [ToThisHost], Turn(&PUBLISHED)),
    base("prerouting", "nat", Place::Prerouting, -100),
    base("output", "nat", Place::Output, -100),
]
