// wrong: what was there before is forgotten too late: it seems to be allowed still
// says: null, a loop device
    if before.iter().any(|rule| rule.kind == Kind::All) {
        files.write(explain, "devices.deny", "a")?;
        before = wanted.to_vec();
    }
    for rule in not_in(wanted, &before) {
        files.write(explain, "devices.allow", rule)?;
    }
    for rule in not_in(&before, wanted) {
        files.write(explain, "devices.deny", rule)?;
    }
    Ok(())
