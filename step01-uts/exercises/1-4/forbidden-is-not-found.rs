// wrong: a file without permission to execute it counts as missing
// says: which is no 127: it is there: expected exit code 126, not exit code 127
match errno {
    Errno::ENOENT | Errno::EACCES => 127,
    _ => 126,
}
