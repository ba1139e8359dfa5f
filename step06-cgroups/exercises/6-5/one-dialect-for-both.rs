// wrong: v1 has words for it, and takes no number
// says: a group that was frozen when its runtime was killed
    files.write(explain, file(files.version), 0)
