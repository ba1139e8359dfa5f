// wrong: what the container deleted comes back with the new layer
// says: has no whiteout there
        let Some(file) = now else { return Ok(()) };
        if file.is_dir() {
            self.tree.copy(&file, &path)?;
            self.dirs.push(path);
            return Ok(());
        }
        let inode = (file.stat.st_dev, file.stat.st_ino);
        match self.links.get(&inode) {
            Some(first) => self.tree.link(first, &path)?,
            None => {
                self.tree.copy(&file, &path)?;
                if file.stat.st_nlink > 1 {
                    self.links.insert(inode, path);
                }
            }
        }
        Ok(())
