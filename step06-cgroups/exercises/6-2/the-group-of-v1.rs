// wrong: CLONE_INTO_CGROUP takes a directory of cgroup v2 and refuses one of v1
// says: was not born in its group of cgroup v2
        let v1 = self.trees.iter().find(|tree| tree.files.version == Version::V1)?;
        v1.lock.as_ref().map(|lock| lock.as_fd())
