// wrong: what was asked for with --cap-ambient is lost when the command is executed
// says: the capabilities of user 1000 with
let now = if root { caps } else { ambient };
Self {
    effective: now,
    permitted: now,
    inheritable: ambient,
    bounding: caps,
    ambient: CapSet::EMPTY,
}
