// wrong: a blank in a path is written as \\040
// says: which is mounted at
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let mut filesystem = filesystem.split(' ');
        let version = match filesystem.next()? {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        Some(Self {
            version,
            root: mount.next()?.into(),
            point: mount.next()?.into(),
            options: filesystem.nth(1)?.split(',').collect(),
        })
