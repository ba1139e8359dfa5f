// wrong: a privileged caller's container has groups, and must be able to change between them
// says: setgroups
for (kind, map) in [(uids, &maps.uid), (gids, &maps.gid)] {
    let only_own = matches!(map[..], [range] if (range.host, range.count) == (kind.own_id, 1));
    if !own.effective.has(kind.cap) && !only_own {
        helper(explain, child, kind.helper, map)?;
        continue;
    }
    if kind.cap == Cap::SETGID {
        deny_setgroups(explain, child)?;
    }
    direct(explain, child, kind.file, map, &own)?;
}
Ok(())
