// wrong: two names of one file become two files
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
        self.tree.copy(&file, &path)
