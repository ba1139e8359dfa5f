// wrong: codes from 125 on are the runtime's, so the command's are cut off there
// says: the command has called exit(126): expected exit code 126, not exit code 125
match self {
    Self::Exited(code) => code.min(125),
    Self::Killed(signal) => u8::try_from(128 + signal).unwrap_or(255),
}
