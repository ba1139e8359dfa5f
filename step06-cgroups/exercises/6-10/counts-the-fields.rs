// wrong: there may be any number of optional fields before the dash, also none
// says: no group
        let fields: Vec<_> = line.split(' ').collect();
        let version = match *fields.get(8)? {
            "cgroup" => Version::V1,
            "cgroup2" => Version::V2,
            _ => return None,
        };
        Some(Self {
            version,
            root: unescape(fields[3]),
            point: unescape(fields[4]),
            options: fields.get(10)?.split(',').collect(),
        })
