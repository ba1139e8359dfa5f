// wrong: a group cannot give on what it has not been given yet
// says: does not start
        let here = || controllers.iter().filter(|one| self.hierarchy.lists(one.as_ref()));
        if self.files.version == Version::V2 {
            for dir in self.above.iter().rev().chain([&self.top]) {
                enable::enable(explain, dir, here().map(Box::as_ref))?;
            }
        }
        for dir in self.above.iter().chain([&self.files.dir]) {
            let files = Files { version: self.files.version, dir: dir.clone() };
            here().try_for_each(|one| one.furnish(explain, &files))?;
        }
        Ok(())
