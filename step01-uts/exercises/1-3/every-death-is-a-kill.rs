// wrong: 137 is what one has seen in logs, and it stands for signal 9 alone
// says: the command was killed by signal 1: expected exit code 129, not exit code 137
match self {
    Self::Exited(code) => code,
    Self::Killed(_) => 137,
}
