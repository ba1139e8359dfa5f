// wrong: the limit is hit each time something must be given back; nobody need die of it
// says: what a container is said to have died of
    match files.version {
        Version::V1 => files.number("memory.failcnt"),
        Version::V2 => files.keyed("memory.events", "max"),
    }
    .context("counting OOM kills")
