// wrong: whatever arrives, the command is told to terminate
// says: what arrived with --init is not as it should be
let _ = number;
// SAFETY: kill(2) takes two numbers.
unsafe { libc::kill(command.as_raw(), libc::SIGTERM) };
