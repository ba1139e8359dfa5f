// wrong: b 240:1 and c 240:1 are two devices with the same numbers
// says: read /dev/b1 was allowed
    let mut part = Vec::new();
    let unless = |register, value: u32| one(JUMP_IF_NOT, register, value.cast_signed());
    if rule.access != Access::ALL {
        let not_granted = Access::ALL.without(rule.access).bits();
        part.push(two(MOVE, SCRATCH, ASKED, 0));
        part.push(one(AND, SCRATCH, not_granted.cast_signed()));
        part.push(unless(SCRATCH, 0));
    }
    part.extend(rule.major.map(|major| unless(MAJOR, major)));
    part.extend(rule.minor.map(|minor| unless(MINOR, minor)));
    part.extend(answer(1));
    jump_to_the_end(&mut part);
    part
