// wrong: what is copied into the directory later changes its time
// says: mode and time of a directory
        let Some(file) = now else {
            let (dir, name) = self.tree.parent(&path)?;
            return Ok(whiteout::make_whiteout(dir, name)?);
        };
        if file.is_dir() {
            self.tree.copy(&file, &path)?;
            return self.tree.copy_attributes(&file, &path);
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
