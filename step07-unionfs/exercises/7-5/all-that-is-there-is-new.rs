// wrong: what the layers have too is changed, and not added
// says: what --diff tells of a file
    Ok(match (now, before) {
        (None, _) => Some(Kind::Deleted),
        (Some(now), Some(before)) if same(now, before)? => None,
        (Some(_), _) => Some(Kind::Added),
    })
