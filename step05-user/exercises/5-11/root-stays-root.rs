// wrong: this maps root to root: whoever breaks out of the container is root outside
// says: the uid map is not as it should be
match lent() {
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
