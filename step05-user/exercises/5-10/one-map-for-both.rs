// wrong: groups have a map of their own
// says: the gid map is not as it should be
for kind in [uids, gids] {
    let map = &maps.uid;
    let only_own = matches!(map[..], [range] if (range.host, range.count) == (kind.own_id, 1));
    let privileged = own.effective.has(kind.cap);
    if !privileged && !only_own {
        helper(explain, child, kind.helper, map)?;
        continue;
    }
    if !privileged && kind.cap == Cap::SETGID {
        deny_setgroups(explain, child)?;
    }
    direct(explain, child, kind.file, map, &own)?;
}
Ok(())
