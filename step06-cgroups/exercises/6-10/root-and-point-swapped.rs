// wrong: the root is which group is mounted, and the point is where
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
            point: unescape(mount.next()?),
            root: unescape(mount.next()?),
            options: filesystem.nth(1)?.split(',').collect(),
        })
