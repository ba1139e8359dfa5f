// wrong: mode, owner, time, type and content may differ where the size does not
// says: what --diff tells of a file
    Ok(match (now, before) {
        (Some(_), None) => Some(Kind::Added),
        (None, _) => Some(Kind::Deleted),
        (Some(now), Some(before)) if now.stat.st_size == before.stat.st_size => None,
        (Some(_), Some(_)) => Some(Kind::Changed),
    })
