// wrong: 127 + N, one less than a shell reports
// says: the command was killed by signal 1: expected exit code 129, not exit code 128
match self {
    Self::Exited(code) => code,
    Self::Killed(signal) => u8::try_from(127 + signal).unwrap_or(255),
}
