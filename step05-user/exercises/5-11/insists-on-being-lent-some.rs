// wrong: where nothing is lent an ordinary user has one id, which is enough for much
// says: newuidmap is not installed
if CapSets::current()?.effective.has(Cap::SETUID) {
    return subid::maps(getuid(), 0).context("--userns auto");
}
let _ = explain;
let lent = lent()?;
let mut maps = single();
maps.uid.extend(lent.uid);
maps.gid.extend(lent.gid);
Ok(maps)
