// wrong: an ordinary caller may write no more than its own id; the rest is for newuidmap
// says: what the runtime says does not hold what it should
for (kind, map) in [(uids, &maps.uid), (gids, &maps.gid)] {
    if !own.effective.has(kind.cap) && kind.cap == Cap::SETGID {
        deny_setgroups(explain, child)?;
    }
    direct(explain, child, kind.file, map, &own)?;
}
Ok(())
