// wrong: a rule that denies writing strikes it from what is asked, as if it were granted
// says: open-write /dev/c4 was allowed
    let mut part = Vec::new();
    let unless = |register, value: u32| one(JUMP_IF_NOT, register, value.cast_signed());
    part.extend(rule.kind.number().map(|kind| unless(TYPE, kind)));
    part.extend(rule.major.map(|major| unless(MAJOR, major)));
    part.extend(rule.minor.map(|minor| unless(MINOR, minor)));
    let named = rule.access.bits().cast_signed();
    part.extend([one(AND, ASKED, !named), unless(ASKED, 0)]);
    part.extend(answer(1));
    jump_to_the_end(&mut part);
    part
