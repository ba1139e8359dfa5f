// wrong: it asks once more for what is so already
// says: a group that was frozen when its runtime was killed
    match files.version {
        Version::V1 => files.write(explain, file(files.version), "FROZEN"),
        Version::V2 => files.write(explain, file(files.version), 1),
    }
