// wrong: a rule for one device is one for all of its driver
// says: open-write /dev/c2 was refused
    let mut part = Vec::new();
    let unless = |register, value: u32| one(JUMP_IF_NOT, register, value.cast_signed());
    part.extend(rule.kind.number().map(|kind| unless(TYPE, kind)));
    part.extend(rule.major.map(|major| unless(MAJOR, major)));
    let named = rule.access.bits().cast_signed();
    if rule.allow {
        part.extend([one(AND, ASKED, !named), unless(ASKED, 0)]);
    } else {
        part.extend([two(MOVE, SCRATCH, ASKED, 0), one(AND, SCRATCH, named), one(JUMP_IF, SCRATCH, 0)]);
    }
    part.extend(answer(rule.allow.into()));
    jump_to_the_end(&mut part);
    part
