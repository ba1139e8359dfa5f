// wrong: the two codes are mixed up
// says: as a shell says by 127: expected exit code 127, not exit code 126
match errno {
    Errno::ENOENT => 126,
    _ => 127,
}
