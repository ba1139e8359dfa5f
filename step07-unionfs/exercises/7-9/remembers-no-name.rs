// wrong: the first name has to be kept, or no second one is known for one
// says: the second name of a file
        let Some(file) = now else {
            let (dir, name) = self.tree.parent(&path)?;
            return Ok(whiteout::make_whiteout(dir, name)?);
        };
        if file.is_dir() {
            self.tree.copy(&file, &path)?;
            self.dirs.push(path);
            return Ok(());
        }
        let inode = (file.stat.st_dev, file.stat.st_ino);
        if let Some(first) = self.links.get(&inode) {
            return self.tree.link(first, &path);
        }
        self.tree.copy(&file, &path)
