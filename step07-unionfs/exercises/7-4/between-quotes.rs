// wrong: quotes are the shell's; for the kernel they are part of the name
// says: does not mount the same layers
    [b"\"", path.as_bytes(), b"\""].concat()
