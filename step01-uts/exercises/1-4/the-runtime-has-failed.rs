// wrong: 125 is for what the runtime could not do, and the command is not the runtime's
// says: as a shell says by 127: expected exit code 127, not exit code 125
let _ = errno;
125
