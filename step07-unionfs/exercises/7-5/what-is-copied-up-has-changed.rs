// wrong: a file that was copied up may be as it was before
// says: what --diff tells of a file
    Ok(match (now, before) {
        (Some(_), None) => Some(Kind::Added),
        (None, _) => Some(Kind::Deleted),
        (Some(_), Some(_)) => Some(Kind::Changed),
    })
