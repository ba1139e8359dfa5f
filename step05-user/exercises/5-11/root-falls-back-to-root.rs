// wrong: a privileged caller to whom nothing is lent gets root outside without having asked for it
// says: expected exit code 125, not exit code 0
let privileged = CapSets::current()?.effective.has(Cap::SETUID);
let lent = if privileged { subid::maps(getuid(), 0) } else { lent() };
match lent {
    Ok(lent) if privileged => Ok(lent),
    Ok(lent) => {
        let mut maps = single();
        maps.uid.extend(lent.uid);
        maps.gid.extend(lent.gid);
        Ok(maps)
    }
    Err(why) => {
        explain.say(format_args!("# one id only: {why:#}"));
        Ok(single())
    }
}
