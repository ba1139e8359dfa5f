// wrong: a negative number is a process group, and the command leads none
// says: signal 1, with --init
// SAFETY: kill(2) takes two numbers.
unsafe { libc::kill(-command.as_raw(), number) };
