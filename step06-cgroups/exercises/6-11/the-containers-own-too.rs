// wrong: who gives controllers on may have no processes, so nobody can join
// says: subtree_control
        let here = || controllers.iter().filter(|one| self.hierarchy.lists(one.as_ref()));
        if self.files.version == Version::V2 {
            for dir in [&self.top].into_iter().chain(&self.above).chain([&self.files.dir]) {
                enable::enable(explain, dir, here().map(Box::as_ref))?;
            }
        }
        for dir in self.above.iter().chain([&self.files.dir]) {
            let files = Files { version: self.files.version, dir: dir.clone() };
            here().try_for_each(|one| one.furnish(explain, &files))?;
        }
        Ok(())
