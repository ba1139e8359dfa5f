// wrong: most whiteouts have no attribute
// says: a deleted file
        match node.file_type() {
            SFlag::S_IFREG if node.stat.st_size == 0 => {
                Ok(xattr::get(node, self.whiteout())?.is_some())
            }
            _ => Ok(false),
        }
