// wrong: no namespace; the command has a number of the host's, and reaches every process there
// says: the number of the command's process is not as it should be
CloneFlags::empty()
