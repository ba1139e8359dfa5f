// wrong: death by signal 9 looks like exit(9)
// says: the command was killed by signal 1: expected exit code 129, not exit code 1
match self {
    Self::Exited(code) => code,
    Self::Killed(signal) => u8::try_from(signal).unwrap_or(255),
}
