// wrong: a new group may do everything, and to that nothing can be added
// says: null, a loop device
    before.retain(|rule| rule.kind != Kind::All);
    for rule in not_in(wanted, &before) {
        files.write(explain, "devices.allow", rule)?;
    }
    for rule in not_in(&before, wanted) {
        files.write(explain, "devices.deny", rule)?;
    }
    Ok(())
