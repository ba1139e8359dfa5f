// wrong: without CAP_SETGID the group map takes that setgroups(2) is denied before
// says: gid_map: EPERM
for (kind, map) in [(uids, &maps.uid), (gids, &maps.gid)] {
    let only_own = matches!(map[..], [range] if (range.host, range.count) == (kind.own_id, 1));
    if !own.effective.has(kind.cap) && !only_own {
        helper(explain, child, kind.helper, map)?;
        continue;
    }
    direct(explain, child, kind.file, map, &own)?;
}
Ok(())
