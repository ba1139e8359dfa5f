// wrong: quotes are the shell's; for the kernel they are part of the name
// says: mounting an overlay on
    [b"\"", path.as_bytes(), b"\""].concat()
