// wrong: it looks whether something is asked that the rule does grant, and then goes to the next
// says: the container does not run
    let mut part = Vec::new();
    let unless = |register, value: u32| one(JUMP_IF_NOT, register, value.cast_signed());
    part.extend(rule.kind.number().map(|kind| unless(TYPE, kind)));
    if rule.access != Access::ALL {
        let not_granted = rule.access.bits();
        part.push(two(MOVE, SCRATCH, ASKED, 0));
        part.push(one(AND, SCRATCH, not_granted.cast_signed()));
        part.push(unless(SCRATCH, 0));
    }
    part.extend(rule.major.map(|major| unless(MAJOR, major)));
    part.extend(rule.minor.map(|minor| unless(MINOR, minor)));
    part.extend(answer(1));
    jump_to_the_end(&mut part);
    part
