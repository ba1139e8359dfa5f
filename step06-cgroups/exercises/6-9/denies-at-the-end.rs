// wrong: "a" takes away everything, also what was just given
// says: null, a loop device
    for rule in not_in(wanted, &before) {
        files.write(explain, "devices.allow", rule)?;
    }
    for rule in not_in(&before, wanted) {
        files.write(explain, "devices.deny", rule)?;
    }
    if before.iter().any(|rule| rule.kind == Kind::All) {
        files.write(explain, "devices.deny", "a")?;
        before.clear();
    }
    Ok(())
