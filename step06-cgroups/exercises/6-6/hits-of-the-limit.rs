// wrong: the limit is hit each time something must be given back; nobody need die of it
// says: of which nobody was killed
    match files.version {
        Version::V1 => files.number("memory.memsw.failcnt"),
        Version::V2 => files.keyed("memory.events", "max"),
    }
    .context("counting OOM kills")
