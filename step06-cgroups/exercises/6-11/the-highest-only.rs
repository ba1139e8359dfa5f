// wrong: each group on the way has to give on what it has
// says: does not start
        let here = || controllers.iter().filter(|one| self.hierarchy.lists(one.as_ref()));
        if self.files.version == Version::V2 {
            enable::enable(explain, &self.top, here().map(Box::as_ref))?;
        }
        for dir in self.above.iter().chain([&self.files.dir]) {
            let files = Files { version: self.files.version, dir: dir.clone() };
            here().try_for_each(|one| one.furnish(explain, &files))?;
        }
        Ok(())
