// wrong: the accumulator has 32 bits, and only one load is made
// says: but the filter
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
    let lower = assembler.branch(code, value as u32, yes, no);
    load(assembler, ARGS + 8 * index, mask as u32, lower)
