// wrong: all bits are compared, those too that the mask leaves out
// says: SCMP_CMP_MASKED_EQ with
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
    let lower = load(assembler, at, u32::MAX, lower);
    if !abi.wide || mask >> 32 == 0 {
        return lower; // where no bit of the upper half counts, none is set in `value` either
    }
    let mut upper = assembler.branch(IF_EQUAL, upper_value, lower, no);
    if code != IF_EQUAL {
        upper = assembler.branch(IF_GREATER, upper_value, yes, upper);
    }
    load(assembler, at + 4, u32::MAX, upper)
