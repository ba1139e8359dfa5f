// wrong: whatever went wrong, the command was not found
// says: which is no 127: it is there: expected exit code 126, not exit code 127
let _ = errno;
127
