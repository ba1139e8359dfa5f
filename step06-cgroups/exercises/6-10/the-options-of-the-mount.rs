// wrong: which controllers it has are options of the file system, behind the dash
// says: no group
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
            root: unescape(mount.next()?),
            point: unescape(mount.next()?),
            options: mount.next()?.split(',').collect(),
        })
