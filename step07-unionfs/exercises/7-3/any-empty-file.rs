// wrong: an empty file is one, unless it has the attribute
// says: a new file with nothing in it
        match node.file_type() {
            SFlag::S_IFCHR => Ok(node.stat.st_rdev == 0),
            SFlag::S_IFREG => Ok(node.stat.st_size == 0),
            _ => Ok(false),
        }
