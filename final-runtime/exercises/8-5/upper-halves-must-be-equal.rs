// wrong: an argument whose upper half is greater is greater, whatever is in the lower
// says: SCMP_CMP_GT with 0x5
    let &Condition { index, op, mask, value } = condition;
    // "Less" is "not (greater or equal)".
    let (code, yes, no) = match op {
        Op::Eq | Op::MaskedEq => (IF_EQUAL, yes, no),
        Op::Ne => (IF_EQUAL, no, yes),
        Op::Gt => (IF_GREATER, yes, no),
        Op::Ge => (IF_NOT_LESS, yes, no),
        Op::Le => (IF_GREATER, no, yes),
        Op::Lt => (IF_NOT_LESS, no, yes),
    };
    let (at, upper_value) = (ARGS + 8 * index, (value >> 32) as u32); // little-endian, all of them
    let lower = assembler.branch(code, value as u32, yes, no);
    let lower = load(assembler, at, mask as u32, lower);
    if !abi.wide || mask >> 32 == 0 {
        return lower; // where no bit of the upper half counts, none is set in `value` either
    }
    let upper = assembler.branch(IF_EQUAL, upper_value, lower, no);
    load(assembler, at + 4, (mask >> 32) as u32, upper)
