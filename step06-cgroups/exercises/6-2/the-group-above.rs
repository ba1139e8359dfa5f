// wrong: it is born in the group above, where no limit is
// says: was not born in its group of cgroup v2
        let v2 = self.trees.iter().find(|tree| tree.files.version == Version::V2)?;
        let above = File::open(v2.above.last()?).ok()?;
        let above: &File = Box::leak(Box::new(above));
        Some(above.as_fd())
