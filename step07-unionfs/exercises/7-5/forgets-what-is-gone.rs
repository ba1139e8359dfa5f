// wrong: a whiteout is the one sign of what was deleted
// says: what --diff tells of a file
    Ok(match (now, before) {
        (Some(_), None) => Some(Kind::Added),
        (Some(now), Some(before)) if !same(now, before)? => Some(Kind::Changed),
        _ => None,
    })
